# Links leader-APPLET to leader in `folder` of the installation, for each applet of the binary `leader`.
execute_process(COMMAND ${leader} help --generate-bash-completion
    OUTPUT_VARIABLE applets OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
string(REPLACE "\n" ";" applets "${applets}")
cmake_path(ABSOLUTE_PATH folder BASE_DIRECTORY "${CMAKE_INSTALL_PREFIX}")
foreach(applet IN LISTS applets)
    message(STATUS "Installing: $ENV{DESTDIR}${folder}/leader-${applet}")
    file(CREATE_LINK leader "$ENV{DESTDIR}${folder}/leader-${applet}" SYMBOLIC)
endforeach()
