# Writes OUTPUT, which says what is built: VERSION, and the commit of the sources in SOURCE or COMMIT, which says it for
# a build without a repository. Run at each build; the file is left alone where nothing changed.
if(NOT COMMIT)
    # An enclosing repository that only happens to be above the sources says nothing about them.
    if(EXISTS ${SOURCE}/.git)
        execute_process(
            COMMAND git -C ${SOURCE} describe --always --dirty=-modified --abbrev=12 --exclude=*
            OUTPUT_VARIABLE COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    endif()
    if(NOT COMMIT)
        set(COMMIT "unknown")
    endif()
endif()
file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT [[
#include "cmd/version.h"

namespace leader {

const char* const kVersion = "leader @VERSION@ (commit @COMMIT@)";

}  // namespace leader
]])
