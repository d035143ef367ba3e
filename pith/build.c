#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "pith/bundle.h"
#include "pith/command.h"
#include "pith/common.h"
#include "pith/image.h"
#include "pith/listing.h"
#include "pith/output.h"
#include "pith/spawn.h"
#include "pith/strict.h"
#include "pith/toolkit.h"
#include "profile.h" /* PROFILE_CC, PROFILE_COMPILE, PROFILE_LINK: the Makefile's own flags */

enum { SOURCES_MAX = 256, JOBS_MAX = 8, WORDS_MAX = 64 + SOURCES_MAX };

struct build {
    const char *dir, *bundle_dir;
    bool quiet, strict, strip;
    char name[64];                /* of the appliance: the directory's */
    char image[PATH_MAX], scratch[PATH_MAX];
    char debug[PATH_MAX], linked[PATH_MAX]; /* the debug information, and its name until all is well */
    char order[160];              /* what the linker is told of the order of things; "": nothing */
    struct toolkit toolkit;
    char *sources[SOURCES_MAX];   /* names within dir, in order */
    size_t sources_n;
};

/* A command line for a tool. */
struct words {
    const char *w[WORDS_MAX];
    size_t n;
};

struct hint {
    const char *seen, *advice;
};

#define NO_HEAP "there is no malloc: memory comes from arenas and pools (base/arena.h, base/pool.h)"
#define NO_STDIO "there is no C library: text is written with base/fmt.h and say()"
#define NUMBERS "to_u16(x) and its like (base/num.h) trap where x does not fit, (u16)x cuts on purpose"

/* What a message of the compiler or linker means here, and what to do about it. What is
 * said of all of a kind comes after what is said of one. */
static const struct hint hints[] = {
    {"unsafe-buffer-usage", "views, not pointers: index and move through base/view.h, arrays through AT(); "
                            "see doc/safety.md"},
    {"[-Werror,-Wunused-result]",
     "an enum err is looked at: TRY() hands it on, a comparison with OK answers it"},
    {"[-Werror,-Wvla]", "an array's length is a constant; memory of a size that is known at run time comes "
                        "from an arena (base/arena.h)"},
    {"[-Werror,-Wimplicit-int-conversion]", NUMBERS},
    {"[-Werror,-Wshorten-64-to-32]", NUMBERS},
    {"[-Werror,-Wsign-conversion]", NUMBERS},
    {"undeclared function 'malloc'", NO_HEAP},
    {"undeclared function 'calloc'", NO_HEAP},
    {"undeclared function 'free'", NO_HEAP},
    {"undeclared function 'printf'", NO_STDIO},
    {"undeclared function 'snprintf'", NO_STDIO},
    {"undeclared function", "an image has no C library: include the header of Pith that declares it"},
    {"undefined symbol: appliance_main", "main.c defines `enum err appliance_main(struct scope *root)`; "
                                         "see fiber/appliance.h"},
    {"undefined symbol: appliance_manifest", "main.c declares the image with APPLIANCE(.name = …); "
                                             "see sig/manifest.h"},
    {"undefined symbol: malloc", NO_HEAP},
    {"undefined symbol: printf", NO_STDIO},
    {"undefined symbol:", "an image has no C library and no system calls: only what Pith's headers declare"},
    {"file not found", "includes are written from the root of Pith: #include \"fiber/appliance.h\""},
};

static void add(struct words *w, const char *word)
{
    must(w->n + 1 < WORDS_MAX);
    w->w[w->n++] = word;
}

static void add_all(struct words *w, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        add(w, words[i]);
}

static void tell(const struct build *b, const char *what, const char *name)
{
    if (!b->quiet && isatty(2))
        fprintf(stderr, "\r\033[K%s %s", what, name);
}

static void tell_end(void)
{
    if (isatty(2))
        fprintf(stderr, "\r\033[K");
}

/* Each hint once, and none of a kind after one that was more to the point. */
static void show_hints(struct view text)
{
    const struct hint *told = NULL;
    for (const struct hint *h = hints; h < hints + COUNT(hints); h++) {
        if (view_find_seq(text, view_z(h->seen)) == text.n)
            continue;
        if (told &&
            (view_starts(view_z(told->seen), view_z(h->seen)) || strcmp(told->advice, h->advice) == 0))
            continue;
        fprintf(stderr, "pith: hint: %s\n", h->advice);
        told = h;
    }
}

static void show_messages(int fd)
{
    struct view text = memory_file_map(fd);
    if (text.n > 0) {
        tell_end();
        fwrite(text.p, 1, text.n, stderr);
    }
    show_hints(text);
    memory_file_unmap(text);
}

static int cannot_start(const char *tool)
{
    return errno == ENOENT ? fail("%s is not installed: apt-get install clang-19 lld-19 llvm-19", tool)
                           : fail("%s: %s", tool, strerror(errno));
}

struct job {
    pid_t pid;
    int messages;
};

/* Tools at work. A signal that asks the command to end goes on to them; what they
 * leave is then removed as after any failure. */
static volatile pid_t at_work[JOBS_MAX];
static volatile sig_atomic_t stopped_by;

static void stop_tools(int signal_number)
{
    stopped_by = signal_number;
    for (size_t i = 0; i < JOBS_MAX; i++)
        if (at_work[i] > 0)
            kill(at_work[i], SIGTERM);
}

static void stop_tools_on_signals(void)
{
    static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < COUNT(ending); i++)
        if (signal(ending[i], stop_tools) == SIG_IGN)
            signal(ending[i], SIG_IGN); /* in the background, or nohup */
}

static void replace_at_work(pid_t old, pid_t new)
{
    for (size_t i = 0; i < JOBS_MAX; i++)
        if (at_work[i] == old) {
            at_work[i] = new;
            return;
        }
}

static int start_job(struct job *j, const struct words *w)
{
    if (stopped_by)
        return 128 + stopped_by;
    j->messages = memory_file("messages");
    j->pid = spawn(w->w, -1, j->messages, j->messages);
    if (j->pid < 0)
        return cannot_start(w->w[0]);
    replace_at_work(0, j->pid);
    return EXIT_OK;
}

static int end_job(struct job *j, const char *what, const char *name)
{
    int code = spawn_wait(j->pid);
    replace_at_work(j->pid, 0);
    if (code != 0 && !stopped_by)
        show_messages(j->messages);
    close(j->messages);
    if (stopped_by)
        return 128 + stopped_by;
    return code == 0 ? EXIT_OK : fail("%s %s failed; the messages are above", what, name);
}

static int run_tool(struct words *w, const char *what, const char *name)
{
    struct job j;
    add(w, NULL);
    int code = start_job(&j, w);
    return code == EXIT_OK ? end_job(&j, what, name) : code;
}

static const char *object_of(const struct build *b, size_t i, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%.3900s/%zu.o", b->scratch, i);
    return out;
}

static int start_compile(const struct build *b, size_t i, struct job *j)
{
    static const char *const flags[] = {PROFILE_COMPILE}, *const narrow[] = {PROFILE_NARROW};
    char object[PATH_MAX], source[PATH_MAX], include[PATH_MAX + 2];
    struct words w = {0};
    bool here = strcmp(b->dir, ".") == 0;
    snprintf(source, sizeof source, "%.3500s%s%s", here ? "" : b->dir, here ? "" : "/", b->sources[i]);
    snprintf(include, sizeof include, "-I%s", b->toolkit.include);
    add(&w, PROFILE_CC);
    add_all(&w, flags, COUNT(flags));
    if (b->strict)
        add_all(&w, narrow, COUNT(narrow));
    add(&w, include);
    if (isatty(2))
        add(&w, "-fcolor-diagnostics");
    add(&w, "-c");
    add(&w, source);
    add(&w, "-o");
    add(&w, object_of(b, i, object));
    add(&w, NULL);
    tell(b, "compiling", b->sources[i]);
    return start_job(j, &w);
}

/* As many compilers at once as there are processors; messages in the order of files. */
static int compile_all(const struct build *b)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t at_once = processors < 1 ? 1 : processors > JOBS_MAX ? JOBS_MAX : (size_t)processors;
    struct job jobs[SOURCES_MAX];
    size_t started = 0, ended = 0;
    int code = EXIT_OK;
    while (ended < started || (code == EXIT_OK && started < b->sources_n)) {
        if (code == EXIT_OK && started < b->sources_n && started - ended < at_once) {
            code = start_compile(b, started, &jobs[started]);
            started += code == EXIT_OK;
            continue;
        }
        int result = end_job(&jobs[ended], "compiling", b->sources[ended]);
        code = code == EXIT_OK ? result : code;
        ended++;
    }
    return code;
}

/* LLVM's tools take a % in the path of what they write for a place to put letters of their
 * own: they are given a link to the directory. */
static const char *through_link(const struct build *b, const char *path, char out[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    snprintf(out, PATH_MAX, "%.2000s/out/%.2000s", b->scratch, slash ? slash + 1 : path);
    return out;
}

static const char *link_name(const struct build *b, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%.3900s/out", b->scratch);
    return out;
}

static bool make_link(const struct build *b)
{
    char dir[PATH_MAX], whole[PATH_MAX], name[PATH_MAX];
    const char *slash = strrchr(b->image, '/');
    snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - b->image) + 1 : 1, slash ? b->image : ".");
    return realpath(dir, whole) && symlink(whole, link_name(b, name)) == 0;
}

static int link_image(const struct build *b)
{
    char out[PATH_MAX];
    static const char *const flags[] = {PROFILE_LINK};
    static char objects[SOURCES_MAX][PATH_MAX];
    struct words w = {0};
    add(&w, PROFILE_CC);
    add_all(&w, flags, COUNT(flags));
    if (b->order[0])
        add(&w, b->order);
    for (size_t i = 0; i < b->sources_n; i++)
        add(&w, object_of(b, i, objects[i]));
    add(&w, b->toolkit.library);
    add(&w, "-o");
    add(&w, through_link(b, b->linked, out));
    tell(b, "linking", b->name);
    return run_tool(&w, "linking", b->name);
}

/* The image keeps its symbols; the debug information stays in NAME.debug. */
static int finish_image(const struct build *b, struct output *o)
{
    static const char *const flags[] = {PROFILE_FINISH};
    char from[PATH_MAX], to[PATH_MAX];
    struct words w = {0};
    struct image image;
    add_all(&w, flags, COUNT(flags));
    add(&w, through_link(b, b->linked, from));
    add(&w, through_link(b, o->temporary, to));
    int code = run_tool(&w, "finishing", b->name);
    if (code != EXIT_OK)
        return code;
    /* objcopy replaced the file that was opened. */
    int fd = open(o->temporary, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return fail("%s: %s", o->path, strerror(errno));
    code = image_seal(o->path, fd);
    struct mapped file;
    if (code == EXIT_OK && (code = map_file(o->temporary, &file)) == EXIT_OK) {
        code = image_decode(&image, o->path, file);
        unmap_file(&file);
    }
    close(fd);
    return code == EXIT_OK && stopped_by ? 128 + stopped_by : code;
}

/* What is done to an image that is whole: its names go, files are put into it. */
static int change_image(const struct build *b)
{
    struct image image;
    int code = b->strip ? image_strip(b->image, b->image) : EXIT_OK;
    if (code != EXIT_OK || !b->bundle_dir)
        return code;
    code = image_open(&image, b->image);
    if (code != EXIT_OK)
        return code;
    code = image_with_bundle(&image, b->bundle_dir, &bundle_sealed, b->image);
    image_close(&image);
    return code;
}

static void remove_scratch(const struct build *b)
{
    char object[PATH_MAX];
    for (size_t i = 0; i < b->sources_n; i++)
        unlink(object_of(b, i, object));
    unlink(link_name(b, object));
    rmdir(b->scratch);
}

static int make_image(struct build *b)
{
    struct output o;
    const char *temporary = getenv("TMPDIR");
    /* The linker would say the same at greater length. */
    int fd = open(b->linked, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return fail("%s: cannot be written: %s", b->image, strerror(errno));
    close(fd);
    snprintf(b->scratch, sizeof b->scratch, "%.3900s/pith-build-XXXXXX", temporary ? temporary : "/tmp");
    if (!mkdtemp(b->scratch)) {
        unlink(b->linked);
        return fail("%s: %s; set TMPDIR to a directory that can be written", b->scratch, strerror(errno));
    }
    int code = make_link(b) ? compile_all(b) : fail("%s: %s", b->scratch, strerror(errno));
    if (code == EXIT_OK)
        code = link_image(b);
    if (code == EXIT_OK && (code = output_open(&o, b->image, 0644)) == EXIT_OK) {
        stop_tools_on_signals(); /* not output.c's: there is more than its file to remove */
        code = finish_image(b, &o);
        if (code == EXIT_OK)
            code = output_commit(&o);
        else
            output_abandon(&o);
    }
    remove_scratch(b);
    if (code == EXIT_OK && rename(b->linked, b->debug) < 0)
        code = fail("%s: cannot be written: %s", b->debug, strerror(errno));
    if (code != EXIT_OK)
        unlink(b->linked);
    if (code == EXIT_OK && (b->strip || b->bundle_dir) && (code = change_image(b)) != EXIT_OK) {
        unlink(b->image); /* it is not what was asked for */
        unlink(b->debug);
    }
    return code;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int find_sources(struct build *b)
{
    DIR *d = opendir(b->dir);
    if (!d)
        return fail("%s: %s", b->dir, strerror(errno));
    int code = EXIT_OK;
    for (struct dirent *e; code == EXIT_OK && (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.' || !view_ends(view_z(e->d_name), VIEW(".c")))
            continue;
        if (b->sources_n == SOURCES_MAX)
            code = fail("%s: more than %d .c files", b->dir, SOURCES_MAX);
        else
            b->sources[b->sources_n++] = strdup(e->d_name);
    }
    closedir(d);
    if (code == EXIT_OK && b->sources_n == 0)
        return fail("%s: holds no .c file; `pith new NAME` writes an appliance to start from", b->dir);
    qsort(b->sources, b->sources_n, sizeof b->sources[0], by_name);
    return code;
}

/* NAME.pith and NAME.debug lie in the directory, which NAME is the name of. */
static int name_outputs(struct build *b, const char *out)
{
    char whole[PATH_MAX];
    if (!realpath(b->dir, whole))
        return fail("%s: %s", b->dir, strerror(errno));
    snprintf(b->name, sizeof b->name, "%.60s", strrchr(whole, '/') + 1);
    if (b->name[0] == 0)
        snprintf(b->name, sizeof b->name, "image");
    if (out)
        snprintf(b->image, sizeof b->image, "%.4000s", out);
    else if (strcmp(b->dir, ".") == 0)
        snprintf(b->image, sizeof b->image, "%s.pith", b->name);
    else
        snprintf(b->image, sizeof b->image, "%.4000s/%s.pith", b->dir, b->name);
    size_t stem = strlen(b->image);
    if (view_ends(view_z(b->image), VIEW(".pith")))
        stem -= strlen(".pith");
    snprintf(b->debug, sizeof b->debug, "%.*s.debug", (int)stem, b->image);
    snprintf(b->linked, sizeof b->linked, "%.*s.%ld.tmp.debug", (int)stem, b->image, (long)getpid());
    return EXIT_OK;
}

/* Told before the work, not after it. */
static int check_files(const struct build *b)
{
    struct stat st;
    if (b->bundle_dir && stat(b->bundle_dir, &st) < 0)
        return fail("%s: %s", b->bundle_dir, strerror(errno));
    if (b->bundle_dir && !S_ISDIR(st.st_mode))
        return fail("%s: not a directory; --bundle takes one", b->bundle_dir);
    return EXIT_OK;
}

static u64 now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (u64)t.tv_sec * 1000 + (u64)t.tv_nsec / 1000000;
}

static int build(struct build *b, const char *out)
{
    struct mapped file;
    u64 start = now_ms();
    int code = name_outputs(b, out);
    if (code == EXIT_OK)
        code = find_sources(b);
    if (code == EXIT_OK)
        code = check_files(b);
    if (code == EXIT_OK)
        code = toolkit_find(&b->toolkit);
    if (code == EXIT_OK && b->strict)
        code = strict_check(&b->toolkit, b->dir);
    stop_tools_on_signals();
    if (code == EXIT_OK)
        code = make_image(b);
    for (size_t i = 0; i < b->sources_n; i++)
        free(b->sources[i]);
    tell_end();
    if (code != EXIT_OK || b->quiet || map_file(b->image, &file) != EXIT_OK)
        return code;
    u64 ms = now_ms() - start;
    printf("%s: %s, built in %u.%u s; run it with `pith run %s%s`\n", b->image, human_size(file.bytes.n),
           (unsigned)(ms / 1000), (unsigned)(ms / 100 % 10), strchr(b->image, '/') ? "" : "./", b->image);
    unmap_file(&file);
    return EXIT_OK;
}

/* Functions, constants and variables in an order that the seed gives: the same seed, the
 * same image. The linker takes 0 for a seed of its own choice. */
static int take_order(struct build *b, const char *text)
{
    u64 seed;
    if (view_to_u64(view_z(text), &seed) != OK || seed < 1 || seed > INT32_MAX)
        return usage(&command_build, "--order %s makes no sense: it takes a number from 1 to %d", text,
                     INT32_MAX);
    snprintf(b->order, sizeof b->order,
             "-Wl,--shuffle-sections=.text*=%d,--shuffle-sections=.rodata*=%d,"
             "--shuffle-sections=.data*=%d,--shuffle-sections=.bss*=%d",
             (int)seed, (int)seed, (int)seed, (int)seed);
    return EXIT_OK;
}

static int run_build(int argc, char **argv)
{
    static const struct option options[] = {
        {"output", required_argument, NULL, 'o'},
        {"bundle", required_argument, NULL, 'b'},
        {"quiet", no_argument, NULL, 'q'},
        {"strict", no_argument, NULL, 's'},
        {"strip", no_argument, NULL, 'n'},
        {"order", required_argument, NULL, 'r'},
        {0},
    };
    static struct build b;
    const char *out = NULL;
    opterr = 0;
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, ":o:q", options, NULL)) != -1;) {
        if (c == 'o')
            out = optarg;
        else if (c == 'b')
            b.bundle_dir = optarg;
        else if (c == 'q')
            b.quiet = true;
        else if (c == 's')
            b.strict = true;
        else if (c == 'n')
            b.strip = true;
        else if (c != 'r')
            return bad_option(&command_build, c, options, argv);
        else if (take_order(&b, optarg) != EXIT_OK)
            return EXIT_USAGE;
    }
    if (argc - optind > 1)
        return usage(&command_build, "name one directory, not %d", argc - optind);
    b.dir = optind < argc ? argv[optind] : ".";
    return build(&b, out);
}

const struct command command_build = {
    .name = "build",
    .summary = "compile a directory with main.c into an image",
    .help = "usage: pith build [DIR] [-o FILE] [--bundle FILES] [--strict] [--strip] [--order SEED]\n"
            "\n"
            "Compiles every .c file in DIR (here, if none is named) under the safety\n"
            "profile of all images, links it with what it calls of Pith, and seals it.\n"
            "Writes DIR/NAME.pith, the image, and DIR/NAME.debug, its debug information,\n"
            "where NAME is the directory's name. `pith run` in DIR runs it.\n"
            "\n"
            "  -o, --output FILE     where to write the image\n"
            "      --bundle FILES    put the files below that directory into the image\n"
            "      --strict          refuse what Pith refuses in its own code: raw memory, casts to\n"
            "                        pointers, numbers that are cut in silence, errors thrown away,\n"
            "                        recursion and loops without a bound, assembly\n"
            "      --strip           leave the names of functions out of the image; `pith symbolize`\n"
            "                        with NAME.debug puts them into its crash reports\n"
            "      --order SEED      functions, constants and variables in an order of this image's own:\n"
            "                        a number gives an order, the same one every time\n"
            "  -q, --quiet           say nothing when all is well\n"
            "\n"
            "Needs clang-19, lld-19 and llvm-19.\n",
    .run = run_build,
};
