# The interface: built with Node and embedded in the library obelisk_api_ui. Included by the root CMakeLists.txt after
# obelisk_module() is defined. Without Node, or with -DOBELISK_UI=OFF, the server has no interface and says so at /.
find_program(OBELISK_NODE NAMES node PATHS ${CMAKE_SOURCE_DIR}/.cache/node/node_modules/node/bin)
if(OBELISK_NODE)
  set(ui_default ON)
else()
  set(ui_default OFF)
endif()
option(OBELISK_UI "Build the interface (needs Node 20.19 or newer) and embed it" ${ui_default})

set(ui_out ${CMAKE_BINARY_DIR}/ui)
if(OBELISK_UI)
  if(NOT OBELISK_NODE)
    message(FATAL_ERROR "OBELISK_UI=ON needs node; install Node 20.19 or newer, or configure with -DOBELISK_UI=OFF")
  endif()
  file(GLOB_RECURSE ui_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/ui/src/* ${CMAKE_SOURCE_DIR}/ui/public/* ${CMAKE_SOURCE_DIR}/ui/tools/*)
  list(APPEND ui_sources ${CMAKE_SOURCE_DIR}/ui/index.html ${CMAKE_SOURCE_DIR}/ui/vite.config.ts ${CMAKE_SOURCE_DIR}/ui/tsconfig.json
       ${CMAKE_SOURCE_DIR}/ui/package.json ${CMAKE_SOURCE_DIR}/ui/package-lock.json)
  add_custom_command(
    OUTPUT ${ui_out}/embedded_ui.cc ${ui_out}/ui.blob
    COMMAND ${OBELISK_NODE} ${CMAKE_SOURCE_DIR}/ui/tools/build.mjs --out ${ui_out}
    DEPENDS ${ui_sources}
    COMMENT "Building the interface"
    VERBATIM)
  set_source_files_properties(${ui_out}/embedded_ui.cc PROPERTIES OBJECT_DEPENDS ${ui_out}/ui.blob)
else()
  message(STATUS "OBELISK_UI=OFF: the server is built without the interface")
  file(CONFIGURE OUTPUT ${ui_out}/embedded_ui.cc CONTENT "#include \"api/ui/embedded_files.h\"
namespace obelisk::ui {
std::span<const EmbeddedFile> embedded_files() { return {}; }
}  // namespace obelisk::ui
")
endif()

obelisk_module(api/ui DEPS net)
target_sources(obelisk_api_ui PRIVATE ${ui_out}/embedded_ui.cc)
