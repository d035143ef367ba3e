#include "pith/mime.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TEXT(subtype) "text/" subtype "; charset=utf-8"
#define PLAIN TEXT("plain")

enum { SNIFFED = 512 };

struct known {
    const char *extension;
    struct mime mime;
};

/* Sorted by extension, for bsearch. */
static const struct known known[] = {
    {"3gp", {"video/3gpp", false}},
    {"7z", {"application/x-7z-compressed", false}},
    {"aac", {"audio/aac", false}},
    {"apk", {"application/vnd.android.package-archive", false}},
    {"apng", {"image/apng", false}},
    {"asc", {PLAIN, true}},
    {"atom", {"application/atom+xml", true}},
    {"avi", {"video/x-msvideo", false}},
    {"avif", {"image/avif", false}},
    {"bin", {"application/octet-stream", true}},
    {"bmp", {"image/bmp", true}},
    {"bz2", {"application/x-bzip2", false}},
    {"c", {PLAIN, true}},
    {"cc", {PLAIN, true}},
    {"cfg", {PLAIN, true}},
    {"cjs", {TEXT("javascript"), true}},
    {"conf", {PLAIN, true}},
    {"cpp", {PLAIN, true}},
    {"css", {TEXT("css"), true}},
    {"csv", {TEXT("csv"), true}},
    {"deb", {"application/vnd.debian.binary-package", false}},
    {"diff", {PLAIN, true}},
    {"doc", {"application/msword", true}},
    {"docx", {"application/vnd.openxmlformats-officedocument.wordprocessingml.document", false}},
    {"eot", {"application/vnd.ms-fontobject", true}},
    {"eps", {"application/postscript", true}},
    {"epub", {"application/epub+zip", false}},
    {"flac", {"audio/flac", false}},
    {"geojson", {"application/geo+json", true}},
    {"gif", {"image/gif", false}},
    {"glb", {"model/gltf-binary", true}},
    {"gltf", {"model/gltf+json", true}},
    {"go", {PLAIN, true}},
    {"gz", {"application/gzip", false}},
    {"h", {PLAIN, true}},
    {"heic", {"image/heic", false}},
    {"htm", {TEXT("html"), true}},
    {"html", {TEXT("html"), true}},
    {"ico", {"image/vnd.microsoft.icon", true}},
    {"ics", {TEXT("calendar"), true}},
    {"ini", {PLAIN, true}},
    {"iso", {"application/octet-stream", false}},
    {"jar", {"application/java-archive", false}},
    {"java", {PLAIN, true}},
    {"jpeg", {"image/jpeg", false}},
    {"jpg", {"image/jpeg", false}},
    {"js", {TEXT("javascript"), true}},
    {"json", {"application/json", true}},
    {"jsonld", {"application/ld+json", true}},
    {"jxl", {"image/jxl", false}},
    {"log", {PLAIN, true}},
    {"m3u8", {"application/vnd.apple.mpegurl", true}},
    {"m4a", {"audio/mp4", false}},
    {"m4v", {"video/mp4", false}},
    {"map", {"application/json", true}},
    {"md", {TEXT("markdown"), true}},
    {"mid", {"audio/midi", true}},
    {"mjs", {TEXT("javascript"), true}},
    {"mkv", {"video/matroska", false}},
    {"mov", {"video/quicktime", false}},
    {"mp3", {"audio/mpeg", false}},
    {"mp4", {"video/mp4", false}},
    {"mpeg", {"video/mpeg", false}},
    {"mpg", {"video/mpeg", false}},
    {"odp", {"application/vnd.oasis.opendocument.presentation", false}},
    {"ods", {"application/vnd.oasis.opendocument.spreadsheet", false}},
    {"odt", {"application/vnd.oasis.opendocument.text", false}},
    {"oga", {"audio/ogg", false}},
    {"ogg", {"audio/ogg", false}},
    {"ogv", {"video/ogg", false}},
    {"opus", {"audio/ogg", false}},
    {"otf", {"font/otf", true}},
    {"patch", {PLAIN, true}},
    {"pdf", {"application/pdf", false}},
    {"pem", {"application/x-pem-file", true}},
    {"png", {"image/png", false}},
    {"ppt", {"application/vnd.ms-powerpoint", true}},
    {"pptx", {"application/vnd.openxmlformats-officedocument.presentationml.presentation", false}},
    {"ps", {"application/postscript", true}},
    {"py", {PLAIN, true}},
    {"rar", {"application/vnd.rar", false}},
    {"rpm", {"application/x-rpm", false}},
    {"rs", {PLAIN, true}},
    {"rss", {"application/rss+xml", true}},
    {"rtf", {"application/rtf", true}},
    {"sh", {PLAIN, true}},
    {"sql", {"application/sql", true}},
    {"srt", {"application/x-subrip", true}},
    {"stl", {"model/stl", true}},
    {"svg", {"image/svg+xml", true}},
    {"tar", {"application/x-tar", true}},
    {"tex", {"application/x-tex", true}},
    {"tgz", {"application/gzip", false}},
    {"tif", {"image/tiff", true}},
    {"tiff", {"image/tiff", true}},
    {"toml", {"application/toml", true}},
    {"ts", {PLAIN, true}},
    {"tsv", {TEXT("tab-separated-values"), true}},
    {"ttf", {"font/ttf", true}},
    {"txt", {PLAIN, true}},
    {"vcf", {TEXT("vcard"), true}},
    {"vtt", {TEXT("vtt"), true}},
    {"wasm", {"application/wasm", true}},
    {"wav", {"audio/wav", true}},
    {"weba", {"audio/webm", false}},
    {"webm", {"video/webm", false}},
    {"webmanifest", {"application/manifest+json", true}},
    {"webp", {"image/webp", false}},
    {"woff", {"font/woff", false}},
    {"woff2", {"font/woff2", false}},
    {"xhtml", {"application/xhtml+xml", true}},
    {"xls", {"application/vnd.ms-excel", true}},
    {"xlsx", {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", false}},
    {"xml", {"application/xml", true}},
    {"xsl", {"application/xslt+xml", true}},
    {"xz", {"application/x-xz", false}},
    {"yaml", {"application/yaml", true}},
    {"yml", {"application/yaml", true}},
    {"zip", {"application/zip", false}},
    {"zst", {"application/zstd", false}},
};

static int by_extension(const void *key, const void *element)
{
    const struct known *k = element;
    return strcasecmp(key, k->extension);
}

/* No control characters but those of text. Bytes above 127 are taken for UTF-8. */
static bool looks_like_text(struct view start)
{
    for (size_t i = 0; i < start.n && i < SNIFFED; i++) {
        u8 c = view_at(start, i);
        if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t' && c != '\f' && c != 0x1b) || c == 0x7f)
            return false;
    }
    return true;
}

struct mime mime_of(const char *path, struct view start)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    if (dot && (!slash || dot > slash)) {
        const struct known *k = bsearch(dot + 1, known, COUNT(known), sizeof known[0], by_extension);
        if (k)
            return k->mime;
    }
    if (looks_like_text(start))
        return (struct mime){PLAIN, true};
    return (struct mime){"application/octet-stream", true};
}
