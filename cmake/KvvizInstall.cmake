# `cmake --install`: the programs that were built, beside each other (kvviz looks for its helpers in its own folder),
# their man pages and completions (component "pages"), job scripts (component "slurm"), and what a desktop needs to know of them (component "desktop").
include(GNUInstallDirs)
foreach(program kvviz kvviz-engine kvviz-gui)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endforeach()

if(TARGET kvviz_cuda)
  install(TARGETS kvviz_cuda LIBRARY DESTINATION lib/kvviz) # ../lib/kvviz of the programs, where the engine looks
endif()

# Written by the program itself when it is installed, so that they cannot differ from it.
install(CODE "
  set(kvviz \"${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/kvviz\")
  set(pages \"${CMAKE_BINARY_DIR}/pages\")
  set(mandir \"${CMAKE_INSTALL_MANDIR}\")
  set(datadir \"${CMAKE_INSTALL_DATADIR}\")
  include(\"${CMAKE_SOURCE_DIR}/cmake/InstallPages.cmake\")
" COMPONENT pages)

if(KVVIZ_ENGINE)
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/resources/slurm DESTINATION ${CMAKE_INSTALL_DATADIR}/kvviz COMPONENT slurm)
endif()

if(KVVIZ_GUI)
  set(id io.github.kvviz.Kvviz) # one name for window, desktop file, metainfo, MIME types and icons
  set(folder ${CMAKE_SOURCE_DIR}/resources/desktop)
  install(FILES ${folder}/${id}.desktop DESTINATION ${CMAKE_INSTALL_DATADIR}/applications COMPONENT desktop)
  install(FILES ${folder}/${id}.metainfo.xml DESTINATION ${CMAKE_INSTALL_DATADIR}/metainfo COMPONENT desktop)
  install(FILES ${folder}/${id}.mime.xml DESTINATION ${CMAKE_INSTALL_DATADIR}/mime/packages RENAME ${id}.xml
    COMPONENT desktop)
  install(FILES ${folder}/icons/${id}.svg DESTINATION ${CMAKE_INSTALL_DATADIR}/icons/hicolor/scalable/apps
    COMPONENT desktop)
  foreach(size 16 24 32 48 64 128)
    install(FILES ${folder}/icons/${id}-${size}.png
      DESTINATION ${CMAKE_INSTALL_DATADIR}/icons/hicolor/${size}x${size}/apps RENAME ${id}.png COMPONENT desktop)
  endforeach()
endif()
