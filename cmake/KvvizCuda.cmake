# Is the GPU part built? Sets KVVIZ_HAVE_CUDA, KVVIZ_CUDA_SUMMARY, KVVIZ_CUDA_BUILD, and the target kvviz_torch_cuda. The
# toolkit is needed to build only: a machine that runs kvviz on a GPU needs the driver and LibTorch's CUDA libraries.
set(KVVIZ_HAVE_CUDA OFF)
set(KVVIZ_CUDA_SUMMARY OFF)
# Engine and module pass C++ objects to each other: they must come from one build.
set(KVVIZ_CUDA_BUILD "kvviz ${PROJECT_VERSION}, ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}")

if(KVVIZ_ENGINE AND NOT KVVIZ_CUDA STREQUAL "OFF" AND NOT (KVVIZ_SANITIZE AND KVVIZ_CUDA STREQUAL "AUTO"))
  find_program(KVVIZ_NVCC nvcc HINTS $ENV{CUDA_HOME}/bin $ENV{CUDA_PATH}/bin /usr/local/cuda/bin)
  set(missing "")
  if(NOT KVVIZ_NVCC)
    set(missing "no nvcc was found (PATH, CUDA_HOME, /usr/local/cuda)")
  elseif(NOT EXISTS ${KVVIZ_LIBTORCH}/lib/libtorch_cuda.so)
    set(missing "the LibTorch in '${KVVIZ_LIBTORCH}' has no libtorch_cuda.so")
  else()
    if(NOT DEFINED ENV{CUDACXX})
      set(ENV{CUDACXX} ${KVVIZ_NVCC})
    endif()
    include(CheckLanguage)
    check_language(CUDA)
    if(NOT CMAKE_CUDA_COMPILER)
      set(missing "${KVVIZ_NVCC} compiles nothing here")
    endif()
  endif()
  if(NOT missing)
    set(CMAKE_CUDA_ARCHITECTURES 80) # of the compiler's first test; targets name their own
    enable_language(CUDA)
    if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 12.0)
      set(missing "CUDA ${CMAKE_CUDA_COMPILER_VERSION} is too old; expected 12.0 or later")
    endif()
  endif()
  if(missing AND KVVIZ_CUDA STREQUAL "ON")
    message(FATAL_ERROR "KVVIZ_CUDA is ON, but ${missing}.")
  elseif(missing)
    message(STATUS "The GPU part is not built: ${missing}.")
    set(KVVIZ_CUDA_SUMMARY "OFF (${missing})")
  else()
    set(KVVIZ_HAVE_CUDA ON)
    set(KVVIZ_CUDA_SUMMARY "${CMAKE_CUDA_COMPILER_VERSION} (sm_80, sm_90)")
    add_library(kvviz_torch_cuda INTERFACE)
    target_link_libraries(kvviz_torch_cuda INTERFACE ${KVVIZ_LIBTORCH}/lib/libtorch_cuda.so
      ${KVVIZ_LIBTORCH}/lib/libc10_cuda.so kvviz_torch)
    # LibTorch registers its CUDA operators when it is loaded; no symbol of ours may ask for it. Beside the wheels of
    # LibTorch lie NVIDIA's; else the loader's own search finds them (LD_LIBRARY_PATH).
    target_link_options(kvviz_torch_cuda INTERFACE -Wl,--no-as-needed
      -Wl,-rpath,${KVVIZ_LIBTORCH}/../nvidia/cu13/lib)
  endif()
endif()
