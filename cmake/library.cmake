# libakin.a and libakin.so: the objects of all rooms in one, for embedding. Only AKIN_API names are
# visible in the shared one (tests/abi/symbols.txt). The program links the static one.
file(WRITE ${PROJECT_BINARY_DIR}/anchor.c "extern int akin_anchor;\n")
add_library(libakin_static STATIC ${PROJECT_BINARY_DIR}/anchor.c)
add_library(libakin_shared SHARED ${PROJECT_BINARY_DIR}/anchor.c)
foreach(lib libakin_static libakin_shared)
  foreach(room IN LISTS AKIN_ROOMS)
    get_target_property(kind akin_${room} TYPE)
    if(kind STREQUAL "STATIC_LIBRARY")
      target_sources(${lib} PRIVATE $<TARGET_OBJECTS:akin_${room}>)
    endif()
  endforeach()
  set_target_properties(${lib} PROPERTIES OUTPUT_NAME akin VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  target_link_libraries(${lib} PRIVATE akin_flags Threads::Threads PkgConfig::JANSSON
    PkgConfig::YAML PkgConfig::XXHASH PkgConfig::ZSTD PkgConfig::ZLIB PkgConfig::CURL
    PkgConfig::SQLITE3 PkgConfig::MICROHTTPD PkgConfig::GNUTLS PkgConfig::UTF8PROC stemmer m)
  target_include_directories(${lib} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endforeach()

# Paths relative to the file itself: `cmake --install --prefix` may choose another place.
file(RELATIVE_PATH AKIN_PC_UP ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
file(RELATIVE_PATH AKIN_PC_LIBDIR ${CMAKE_INSTALL_PREFIX} ${CMAKE_INSTALL_FULL_LIBDIR})
configure_file(cmake/akin.pc.in akin.pc @ONLY)
include(CMakePackageConfigHelpers)
configure_package_config_file(cmake/akin-config.cmake.in akin-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/akin
  PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR)
write_basic_package_version_file(akin-config-version.cmake COMPATIBILITY SameMinorVersion)

install(TARGETS libakin_static libakin_shared)
install(FILES include/akin/akin.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/akin)
install(FILES ${PROJECT_BINARY_DIR}/akin.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES ${PROJECT_BINARY_DIR}/akin-config.cmake ${PROJECT_BINARY_DIR}/akin-config-version.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/akin)
