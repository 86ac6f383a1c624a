# Layers: a kvviz target may link to kvviz targets of lower layers only. kvviz_add_library fails the configuration when
# a link points upwards or sideways, so the architecture cannot rot unseen. ALSO names the allowed same-layer links.
add_library(kvviz_flags INTERFACE)
# GCC 12 reports false positives of these two inside std::string and fmt at -O2 and above (GCC bug 105651).
target_compile_options(kvviz_flags INTERFACE -Wno-restrict -Wno-stringop-overflow)
target_compile_options(kvviz_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
  $<$<BOOL:${KVVIZ_WERROR}>:-Werror>
  $<$<BOOL:${KVVIZ_SANITIZE}>:-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer>)
target_link_options(kvviz_flags INTERFACE $<$<BOOL:${KVVIZ_SANITIZE}>:-fsanitize=address,undefined>)
target_include_directories(kvviz_flags INTERFACE ${CMAKE_SOURCE_DIR})

function(kvviz_check_layer target layer also)
  foreach(dependency IN LISTS ARGN)
    get_target_property(lower ${dependency} KVVIZ_LAYER)
    if(lower AND NOT lower LESS layer AND NOT dependency IN_LIST also)
      message(FATAL_ERROR "${target} (layer ${layer}) must not link to ${dependency} (layer ${lower})")
    endif()
  endforeach()
endfunction()

# kvviz_add_library(name LAYER n SOURCES ... [PUBLIC ...] [PRIVATE ...] [ALSO ...])
function(kvviz_add_library name)
  cmake_parse_arguments(ARG "" "LAYER" "SOURCES;PUBLIC;PRIVATE;ALSO" ${ARGN})
  kvviz_check_layer(${name} ${ARG_LAYER} "${ARG_ALSO}" ${ARG_PUBLIC} ${ARG_PRIVATE})
  add_library(${name} STATIC ${ARG_SOURCES})
  string(REPLACE "kvviz_" "kvviz::" alias ${name})
  add_library(${alias} ALIAS ${name})
  set_target_properties(${name} PROPERTIES KVVIZ_LAYER ${ARG_LAYER} POSITION_INDEPENDENT_CODE ON)
  target_link_libraries(${name} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE} kvviz_flags)
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
endfunction()
