/* Disks: grub-mkrescue makes an image that BIOS and UEFI start from, as a disk or a CD, of
 * a folder with GRUB's configuration and the file for boot loaders. GRUB comes from the
 * packages of the machine that this runs on. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pith/command.h"
#include "pith/metal_file.h"
#include "pith/output.h"
#include "pith/pack.h"
#include "pith/spawn.h"

#define GRUB_PACKAGES "grub-common grub-pc-bin grub-efi-amd64-bin xorriso mtools"

/* The folder, beside the output: boot/grub/grub.cfg and boot/appliance. */
struct folder {
    char top[PATH_MAX], boot[PATH_MAX + 8], grub[PATH_MAX + 16];
    char config[PATH_MAX + 32], appliance[PATH_MAX + 32], disk[PATH_MAX + 8];
};

static const char grub_config[] = "multiboot2 /boot/appliance\n"
                                  "boot\n";

static int write_config(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    bool written = fd >= 0 && write(fd, grub_config, sizeof grub_config - 1) == sizeof grub_config - 1;
    if (fd >= 0)
        close(fd);
    return written ? EXIT_OK : fail("%s: cannot be written: %s", path, strerror(errno));
}

static int fill_folder(struct folder *f, const struct packing *p)
{
    if (snprintf(f->top, sizeof f->top, "%s.%ld.d", p->out, (long)getpid()) >= (int)sizeof f->top)
        return fail("%.60s…: the path is too long", p->out);
    snprintf(f->boot, sizeof f->boot, "%s/boot", f->top);
    snprintf(f->grub, sizeof f->grub, "%s/grub", f->boot);
    snprintf(f->config, sizeof f->config, "%s/grub.cfg", f->grub);
    snprintf(f->appliance, sizeof f->appliance, "%s/appliance", f->boot);
    snprintf(f->disk, sizeof f->disk, "%s.raw", f->top);
    if (mkdir(f->top, 0700) != 0 || mkdir(f->boot, 0700) != 0 || mkdir(f->grub, 0700) != 0)
        return fail("%s: cannot be made: %s", f->top, strerror(errno));
    int code = write_config(f->config);
    int fd = open(f->appliance, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (code == EXIT_OK)
        code = fd < 0 ? fail("%s: %s", f->appliance, strerror(errno))
                      : metal_file_write(p->plan, f->appliance, fd);
    if (fd >= 0)
        close(fd);
    return code;
}

static void remove_folder(const struct folder *f)
{
    unlink(f->disk);
    unlink(f->config);
    unlink(f->appliance);
    rmdir(f->grub);
    rmdir(f->boot);
    rmdir(f->top);
}

/* What a tool says is shown when it fails. */
static int run_tool(const char *const argv[], const char *packages)
{
    int said = memory_file("said");
    pid_t pid = spawn(argv, -1, said, said);
    if (pid < 0) {
        close(said);
        return fail("%s is not installed; as root: apt-get install %s", argv[0], packages);
    }
    int code = spawn_wait(pid);
    struct view text = memory_file_map(said);
    if (code != 0 && text.n > 0)
        (void)!write(STDERR_FILENO, text.p, text.n);
    memory_file_unmap(text);
    close(said);
    return code == 0 ? EXIT_OK : fail("%s failed; needed are: apt-get install %s", argv[0], packages);
}

/* Only what starts the appliance, and the partition tables that GRUB for UEFI asks for
 * first: a tenth of all of GRUB. */
static int make_disk(const struct folder *f)
{
    static const char modules[] = "--install-modules=normal multiboot2 part_acorn part_amiga part_apple "
                                  "part_bsd part_dfly part_dvh part_gpt part_msdos part_plan part_sun "
                                  "part_sunpc";
    const char *const argv[] = {
        "grub-mkrescue", "--output", f->disk, "--locales=", "--fonts=", "--themes=", modules, f->top, NULL};
    if (access("/usr/lib/grub/i386-pc", X_OK) != 0)
        return fail("GRUB for BIOS is not installed; as root: apt-get install " GRUB_PACKAGES);
    return run_tool(argv, GRUB_PACKAGES);
}

static int convert(const struct folder *f, const char *out)
{
    const char *const argv[] = {"qemu-img", "convert", "-O", "qcow2", f->disk, out, NULL};
    return run_tool(argv, "qemu-utils");
}

/* Signals wait for the seconds that this takes, so that the folder is never left behind. */
static int pack_disk(const struct packing *p, bool qcow2)
{
    struct folder f;
    struct output o;
    sigset_t ending, before;
    sigemptyset(&ending);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGHUP);
    int code = output_open(&o, p->out, 0644);
    if (code != EXIT_OK)
        return code;
    sigprocmask(SIG_BLOCK, &ending, &before);
    code = fill_folder(&f, p);
    if (code == EXIT_OK)
        code = make_disk(&f);
    if (code == EXIT_OK && qcow2)
        code = convert(&f, o.temporary);
    if (code == EXIT_OK && !qcow2 && rename(f.disk, o.temporary) != 0)
        code = fail("%s: cannot be written: %s", p->out, strerror(errno));
    remove_folder(&f);
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (code == EXIT_OK)
        return output_commit(&o);
    output_abandon(&o);
    return code;
}

int pack_raw(const struct packing *p)
{
    return pack_disk(p, false);
}

int pack_qcow2(const struct packing *p)
{
    return pack_disk(p, true);
}
