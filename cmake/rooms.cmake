# A room is a folder of sources, compiled once into objects that both libraries take. Sources are
# found by pattern (docs/decisions/002-sources-by-pattern.md).

# tidymail_room(NAME [PURE] [DIRECTORY dir]): objects tidymail_room_NAME, where there are sources.
function(tidymail_room name)
  cmake_parse_arguments(ROOM "PURE" "DIRECTORY" "" ${ARGN})
  if(NOT ROOM_DIRECTORY)
    set(ROOM_DIRECTORY src/${name})
  endif()
  file(GLOB sources CONFIGURE_DEPENDS ${ROOM_DIRECTORY}/*.c)
  if(NOT sources)
    return()
  endif()
  add_library(tidymail_room_${name} OBJECT ${sources})
  target_include_directories(tidymail_room_${name} PRIVATE
                             ${PROJECT_SOURCE_DIR}/include ${PROJECT_BINARY_DIR}/include
                             ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR})
  if(NOT ROOM_PURE)
    target_compile_definitions(tidymail_room_${name} PRIVATE _GNU_SOURCE)
  endif()
  target_link_libraries(tidymail_room_${name} PRIVATE tidymail_compiler ${TIDYMAIL_DEPENDENCIES})
endfunction()

# tidymail_library(NAME ROOMS room... [HIDDEN room...] LINK library...): NAME (shared) and
# NAME-static of those rooms. HIDDEN rooms go into the shared library only, unexported.
function(tidymail_library name)
  cmake_parse_arguments(LIB "" "" "ROOMS;HIDDEN;LINK" ${ARGN})
  set(objects "")
  foreach(room IN LISTS LIB_ROOMS)
    if(TARGET tidymail_room_${room})
      list(APPEND objects $<TARGET_OBJECTS:tidymail_room_${room}>)
    endif()
  endforeach()
  if(NOT objects)
    return()
  endif()
  add_library(${name} SHARED ${objects})
  add_library(${name}-static STATIC ${objects})
  set_target_properties(${name} PROPERTIES VERSION ${PROJECT_VERSION}
                        SOVERSION ${PROJECT_VERSION_MAJOR} LINKER_LANGUAGE C)
  set_target_properties(${name}-static PROPERTIES OUTPUT_NAME ${name} LINKER_LANGUAGE C)
  foreach(target ${name} ${name}-static)
    add_library(tidymail::${target} ALIAS ${target})
    target_include_directories(${target} PUBLIC
                               $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                               $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>
                               $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    target_link_libraries(${target} PRIVATE ${LIB_LINK} $<BUILD_INTERFACE:tidymail_compiler>)
  endforeach()
  if(NOT TIDYMAIL_SANITIZE)
    target_link_options(${name} PRIVATE LINKER:--no-undefined)
  endif()
  if(LIB_HIDDEN)
    tidymail_hidden_archive(${name} ${LIB_HIDDEN})
  endif()
endfunction()

# The rooms as an archive of which nothing is exported again, linked into the shared library `name`
# behind libtidymail: what that exports is taken from it.
function(tidymail_hidden_archive name)
  set(objects "")
  foreach(room IN LISTS ARGN)
    if(TARGET tidymail_room_${room})
      list(APPEND objects $<TARGET_OBJECTS:tidymail_room_${room}>)
    endif()
  endforeach()
  if(NOT objects)
    return()
  endif()
  add_library(${name}-hidden STATIC ${objects})
  set_target_properties(${name}-hidden PROPERTIES LINKER_LANGUAGE C)
  target_link_libraries(${name} PRIVATE tidymail $<BUILD_INTERFACE:${name}-hidden>)
  target_link_libraries(${name}-static PUBLIC tidymail-static)
  target_link_options(${name} PRIVATE LINKER:--exclude-libs,ALL)
endfunction()

# tidymail_module(NAME ROOM room HIDDEN room... LINK library...): NAME.so in tidymail/, to be opened at run
# time, which exports what the room marks and carries the hidden rooms itself.
function(tidymail_module name)
  cmake_parse_arguments(MODULE "" "ROOM" "HIDDEN;LINK" ${ARGN})
  set(objects "")
  foreach(room IN LISTS MODULE_HIDDEN)
    list(APPEND objects $<TARGET_OBJECTS:tidymail_room_${room}>)
  endforeach()
  add_library(${name}-hidden STATIC ${objects})
  add_library(${name} MODULE $<TARGET_OBJECTS:tidymail_room_${MODULE_ROOM}>)
  set_target_properties(${name} PROPERTIES PREFIX "" LINKER_LANGUAGE C
                        LIBRARY_OUTPUT_DIRECTORY ${CMAKE_LIBRARY_OUTPUT_DIRECTORY}/tidymail)
  set_target_properties(${name}-hidden PROPERTIES LINKER_LANGUAGE C)
  target_link_libraries(tidymail_room_${MODULE_ROOM} PRIVATE ${MODULE_LINK})
  target_link_libraries(${name} PRIVATE ${name}-hidden ${MODULE_LINK} tidymail_compiler)
  target_link_options(${name} PRIVATE LINKER:--exclude-libs,ALL)
  if(NOT TIDYMAIL_SANITIZE)
    target_link_options(${name} PRIVATE LINKER:--no-undefined)
  endif()
endfunction()
