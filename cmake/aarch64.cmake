# Toolchain: aarch64 Linux with Debian's cross compiler; what is built for the target and run while
# building or testing goes through qemu-user. AKIN_SYSROOT is what cmake/aarch64-sysroot.sh unpacks.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(AKIN_SYSROOT "${CMAKE_BINARY_DIR}/sysroot" CACHE PATH "arm64 libraries")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES AKIN_SYSROOT)

set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_SYSROOT ${AKIN_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_DIR} "")
set(ENV{PKG_CONFIG_LIBDIR}
  "${AKIN_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${AKIN_SYSROOT}/usr/share/pkgconfig")
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${AKIN_SYSROOT})

set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L ${AKIN_SYSROOT})
