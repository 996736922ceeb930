# What `cmake --install B --prefix P` puts where; all of it works from any prefix.
include(CMakePackageConfigHelpers)

install(DIRECTORY include/tidymail DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.h")
install(FILES ${PROJECT_BINARY_DIR}/include/tidymail/version.h
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/tidymail)

foreach(target tidymail tidymail-static tidymail-devserver tidymail-devserver-static)
  if(TARGET ${target})
    set_target_properties(${target} PROPERTIES INSTALL_RPATH "$ORIGIN")
    install(TARGETS ${target}
            LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
            ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  endif()
endforeach()
if(TARGET tidymail-http)
  install(TARGETS tidymail-http LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/tidymail)
endif()
if(TARGET tidymail-cli)
  install(TARGETS tidymail-cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  if(TIDYMAIL_SENDMAIL_LINK) # relative, so that the prefix can be moved
    file(RELATIVE_PATH TIDYMAIL_LINK_UP /p/${CMAKE_INSTALL_SBINDIR} /p/${CMAKE_INSTALL_BINDIR}/tidymail)
    install(CODE "file(MAKE_DIRECTORY \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_SBINDIR}\")
                  file(CREATE_LINK \"${TIDYMAIL_LINK_UP}\"
                       \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_SBINDIR}/sendmail\" SYMBOLIC)")
  endif()
endif()

# The .pc files find the prefix from where they lie themselves.
file(RELATIVE_PATH TIDYMAIL_PC_UP /p/${CMAKE_INSTALL_LIBDIR}/pkgconfig /p)
string(REGEX REPLACE "/$" "" TIDYMAIL_PC_UP "${TIDYMAIL_PC_UP}")
foreach(name tidymail tidymail-devserver)
  configure_file(cmake/${name}.pc.in ${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()

set(TIDYMAIL_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/tidymail)
configure_package_config_file(cmake/tidymailConfig.cmake.in tidymailConfig.cmake
                              INSTALL_DESTINATION ${TIDYMAIL_CMAKE_DIR}
                              PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(tidymailConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/tidymailConfig.cmake
              ${PROJECT_BINARY_DIR}/tidymailConfigVersion.cmake
        DESTINATION ${TIDYMAIL_CMAKE_DIR})
