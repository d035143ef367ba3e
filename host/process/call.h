/* The system calls of the packet path, without the C library around them: its read and
 * writev are cancellation points, which cost 3 % of an echoed datagram. Answers what
 * the kernel answers, -EAGAIN and the like for errors; errno is left alone. */
#ifndef HOST_PROCESS_CALL_H
#define HOST_PROCESS_CALL_H

#include <sys/syscall.h>
#include <sys/uio.h>

#include "base/types.h"

static inline i64 call3(i64 number, i64 a, i64 b, i64 c)
{
    i64 result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}

static inline i64 call_read(int fd, void *to, size_t n)
{
    return call3(SYS_read, fd, (i64)(uintptr_t)to, (i64)n);
}

static inline i64 call_write(int fd, const void *from, size_t n)
{
    return call3(SYS_write, fd, (i64)(uintptr_t)from, (i64)n);
}

static inline i64 call_writev(int fd, const struct iovec *iov, u32 count)
{
    return call3(SYS_writev, fd, (i64)(uintptr_t)iov, count);
}

#endif
