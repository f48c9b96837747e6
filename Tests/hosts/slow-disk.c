// A disk that takes its time: loaded before a program, it has each fsync of a folder take SLOW_DISK seconds, but for folders called `next`
// and what is in them.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int fsync(int file) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    const ssize_t length = readlink(link, path, sizeof path - 1);
    struct stat info;
    if (length > 0 && fstat(file, &info) == 0 && S_ISDIR(info.st_mode)) {
        path[length] = 0;
        const char *seconds = getenv("SLOW_DISK");
        if (seconds && !strstr(path, "/next")) usleep((useconds_t)(atof(seconds) * 1e6));
    }
    return 0;
}
