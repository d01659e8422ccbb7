# Compiler flags, and one function for a room of the library.

set(AKIN_WARNINGS
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wdouble-promotion -Wstrict-prototypes
  -Wmissing-prototypes -Wcast-qual -Wwrite-strings -Wformat=2 -Wundef -Wvla -Wpointer-arith
  -Wnull-dereference -Wimplicit-fallthrough)
if(AKIN_WERROR)
  list(APPEND AKIN_WARNINGS -Werror)
endif()

add_library(akin_flags INTERFACE)
target_compile_options(akin_flags INTERFACE ${AKIN_WARNINGS} -ffp-contract=off
  -fvisibility=hidden -fno-math-errno)
target_compile_definitions(akin_flags INTERFACE _POSIX_C_SOURCE=200809L _DEFAULT_SOURCE AKIN_BUILD_SHARED)
target_include_directories(akin_flags INTERFACE ${PROJECT_SOURCE_DIR}/src
  ${PROJECT_SOURCE_DIR}/include)
target_compile_options(akin_flags INTERFACE
  -include ${PROJECT_SOURCE_DIR}/src/core/banned.h)
if(AKIN_SANITIZE)
  target_compile_options(akin_flags INTERFACE -fsanitize=${AKIN_SANITIZE}
    -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(akin_flags INTERFACE -fsanitize=${AKIN_SANITIZE})
endif()
if(AKIN_COVERAGE)
  target_compile_options(akin_flags INTERFACE --coverage)
  target_link_options(akin_flags INTERFACE --coverage)
endif()

# akin_room(NAME SOURCES a.c b.c [LINK dep...]): static library akin_NAME that may use every room
# named before it in AKIN_ROOMS (docs/layers.txt narrows this and a test checks it).
function(akin_room name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  if(ARG_SOURCES)
    add_library(akin_${name} STATIC ${ARG_SOURCES})
    set(scope PUBLIC)
  else()
    add_library(akin_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_link_libraries(akin_${name} ${scope} akin_flags ${ARG_LINK})
  set(below)
  foreach(room IN LISTS AKIN_ROOMS)
    if(room STREQUAL name)
      break()
    endif()
    list(APPEND below akin_${room})
  endforeach()
  target_link_libraries(akin_${name} ${scope} ${below})
endfunction()
