/* The kvm host: the image in a virtual machine of its own that has nothing else in it.
 * No code runs there in ring 0: the page tables are written from outside, into memory
 * that ring 3 has no address for; there is no interrupt and no handler, so that a fault
 * of any kind stops the machine, with its place. This process, the monitor, loads the
 * image as the process host does, at the same addresses, serves the calls of the shim
 * (shim.h) with the same functions, and is sandboxed in the same way. */
#ifndef HOST_KVM_KVM_H
#define HOST_KVM_KVM_H

#include "host/process/process.h"

/* As process_run. */
void kvm_run(const struct process_plan *plan, char *error, size_t error_n);

#endif
