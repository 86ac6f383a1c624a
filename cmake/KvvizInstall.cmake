# `cmake --install`: the programs that were built, beside each other (kvviz looks for its helpers in its own folder).
include(GNUInstallDirs)
foreach(program kvviz kvviz-engine kvviz-gui)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endforeach()
