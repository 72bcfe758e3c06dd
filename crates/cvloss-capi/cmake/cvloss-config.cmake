# find_package(cvloss) gives cvloss::cvloss, the shared library, and cvloss::cvloss_static where they are installed.
get_filename_component(_cvloss_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

find_path(CVLOSS_INCLUDE_DIR cvloss.h PATHS "${_cvloss_prefix}/include" NO_DEFAULT_PATH)
find_library(CVLOSS_LIBRARY
  NAMES cvloss cvloss.dll.lib
  PATHS "${_cvloss_prefix}/lib" "${_cvloss_prefix}/lib64"
  PATH_SUFFIXES "${CMAKE_LIBRARY_ARCHITECTURE}"
  NO_DEFAULT_PATH)
find_file(CVLOSS_STATIC_LIBRARY
  NAMES libcvloss.a cvloss.lib
  PATHS "${_cvloss_prefix}/lib" "${_cvloss_prefix}/lib64"
  PATH_SUFFIXES "${CMAKE_LIBRARY_ARCHITECTURE}"
  NO_DEFAULT_PATH)
mark_as_advanced(CVLOSS_INCLUDE_DIR CVLOSS_LIBRARY CVLOSS_STATIC_LIBRARY)

include(CMakeFindDependencyMacro)
if(CVLOSS_LIBRARY AND NOT TARGET cvloss::cvloss)
  add_library(cvloss::cvloss UNKNOWN IMPORTED)
  set_target_properties(cvloss::cvloss PROPERTIES
    IMPORTED_LOCATION "${CVLOSS_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${CVLOSS_INCLUDE_DIR}")
endif()
if(CVLOSS_STATIC_LIBRARY AND NOT TARGET cvloss::cvloss_static)
  find_dependency(Threads)
  add_library(cvloss::cvloss_static STATIC IMPORTED)
  # What `rustc --print native-static-libs` reports.
  set(_cvloss_native Threads::Threads ${CMAKE_DL_LIBS})
  if(UNIX AND NOT APPLE)
    list(APPEND _cvloss_native m rt gcc_s util)
  elseif(WIN32)
    list(APPEND _cvloss_native kernel32 ntdll userenv ws2_32 dbghelp)
  endif()
  set_target_properties(cvloss::cvloss_static PROPERTIES
    IMPORTED_LOCATION "${CVLOSS_STATIC_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${CVLOSS_INCLUDE_DIR}"
    INTERFACE_LINK_LIBRARIES "${_cvloss_native}")
endif()

include(FindPackageHandleStandardArgs)
if(CVLOSS_LIBRARY)
  set(_cvloss_found CVLOSS_LIBRARY)
else()
  set(_cvloss_found CVLOSS_STATIC_LIBRARY)
endif()
find_package_handle_standard_args(cvloss REQUIRED_VARS ${_cvloss_found} CVLOSS_INCLUDE_DIR)
unset(_cvloss_prefix)
unset(_cvloss_native)
unset(_cvloss_found)
