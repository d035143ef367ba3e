#include "net/dhcp.h"
#include "net/internal.h"
void dhcp_start(struct stack *s, u64 now) { (void)s; (void)now; }
void dhcp_input(struct stack *s, struct view message, u64 now) { (void)s; (void)now; (void)message; }
void dhcp_conflict(struct stack *s, u64 now) { (void)s; (void)now; }
void dhcp_release(struct stack *s, u64 now) { (void)s; (void)now; }
