#include "base/codec.h"

extern inline u8 load_u8(struct view v, size_t at);
extern inline u16 load_be16(struct view v, size_t at);
extern inline u32 load_be32(struct view v, size_t at);
extern inline u64 load_be64(struct view v, size_t at);
extern inline u16 load_le16(struct view v, size_t at);
extern inline u32 load_le32(struct view v, size_t at);
extern inline u64 load_le64(struct view v, size_t at);
extern inline void store_be16(struct span s, size_t at, u16 x);
extern inline void store_be32(struct span s, size_t at, u32 x);
extern inline void store_be64(struct span s, size_t at, u64 x);
extern inline void store_le16(struct span s, size_t at, u16 x);
extern inline void store_le32(struct span s, size_t at, u32 x);
extern inline void store_le64(struct span s, size_t at, u64 x);
