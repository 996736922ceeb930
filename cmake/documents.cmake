# Manual pages and completions, made of what the command and the headers say (scripts/make-man,
# scripts/make-completions). They need python3; without it they are left out.
find_package(Python3 COMPONENTS Interpreter)
set(TIDYMAIL_MAN_DIR ${PROJECT_BINARY_DIR}/man)
set(TIDYMAIL_COMPLETIONS_DIR ${PROJECT_BINARY_DIR}/completions)
set(TIDYMAIL_ZSH_DIR ${CMAKE_INSTALL_DATADIR}/zsh/site-functions CACHE STRING "Where zsh looks for completions")

# A build that cannot run its own command (made for another machine) has the pages of the library.
set(command "")
if(TARGET tidymail-cli AND NOT CMAKE_CROSSCOMPILING)
  set(command --command $<TARGET_FILE:tidymail-cli>)
endif()

if(Python3_Interpreter_FOUND)
  file(GLOB documents CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/man/*.md ${PROJECT_SOURCE_DIR}/include/tidymail/*.h*
       ${PROJECT_SOURCE_DIR}/docs/config.md ${PROJECT_SOURCE_DIR}/docs/scenarios.md)
  set(tables ${PROJECT_SOURCE_DIR}/scripts/commandtable.py)
  if(command)
    list(APPEND tables tidymail-cli)
  endif()
  # Not with a sanitizer: there each run of the command costs, and nobody installs that build.
  set(all ALL)
  if(TIDYMAIL_SANITIZE OR TIDYMAIL_COVERAGE)
    set(all "")
  endif()
  add_custom_command(OUTPUT ${TIDYMAIL_MAN_DIR}/made
                     COMMAND ${CMAKE_COMMAND} -E env PYTHONDONTWRITEBYTECODE=1 ${Python3_EXECUTABLE}
                             ${PROJECT_SOURCE_DIR}/scripts/make-man ${TIDYMAIL_MAN_DIR} ${command}
                     COMMAND ${CMAKE_COMMAND} -E touch ${TIDYMAIL_MAN_DIR}/made
                     DEPENDS ${PROJECT_SOURCE_DIR}/scripts/make-man ${tables} ${documents}
                     COMMENT "Making the manual pages" VERBATIM)
  add_custom_target(man ${all} DEPENDS ${TIDYMAIL_MAN_DIR}/made)
  if(command)
    add_custom_command(OUTPUT ${TIDYMAIL_COMPLETIONS_DIR}/made
                       COMMAND ${CMAKE_COMMAND} -E env PYTHONDONTWRITEBYTECODE=1 ${Python3_EXECUTABLE}
                               ${PROJECT_SOURCE_DIR}/scripts/make-completions ${TIDYMAIL_COMPLETIONS_DIR} ${command}
                       COMMAND ${CMAKE_COMMAND} -E touch ${TIDYMAIL_COMPLETIONS_DIR}/made
                       DEPENDS ${PROJECT_SOURCE_DIR}/scripts/make-completions ${tables}
                       COMMENT "Making the completions" VERBATIM)
    add_custom_target(completions ${all} DEPENDS ${TIDYMAIL_COMPLETIONS_DIR}/made)
  endif()
else()
  message(STATUS "no manual pages and no completions: python3 is not installed")
endif()

# Taken as they are found: OPTIONAL where they were not made.
foreach(section 1 3 5)
  install(DIRECTORY ${TIDYMAIL_MAN_DIR}/man${section} DESTINATION ${CMAKE_INSTALL_MANDIR} OPTIONAL)
endforeach()
install(FILES ${TIDYMAIL_COMPLETIONS_DIR}/tidymail.bash RENAME tidymail OPTIONAL
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${TIDYMAIL_COMPLETIONS_DIR}/_tidymail OPTIONAL DESTINATION ${TIDYMAIL_ZSH_DIR})
install(FILES ${TIDYMAIL_COMPLETIONS_DIR}/tidymail.fish OPTIONAL
        DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
