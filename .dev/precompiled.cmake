# Headers that many files read, parsed once. A file must name all it uses nevertheless: builds without them
# (`./dev build debug`, fuzz) find what it forgot.

# sparsescope_precompiled(NAME USES targets HEADERS headers): they are seen with the options of the folder that calls.
function(sparsescope_precompiled name)
    cmake_parse_arguments(ARG "" "" "USES;HEADERS" ${ARGN})
    file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/headers/${name}.cpp.in "// Holds nothing: its target owns precompiled headers.\n")
    configure_file(${CMAKE_CURRENT_BINARY_DIR}/headers/${name}.cpp.in ${CMAKE_CURRENT_BINARY_DIR}/headers/${name}.cpp COPYONLY)
    add_library(sparsescope_headers_${name} OBJECT ${CMAKE_CURRENT_BINARY_DIR}/headers/${name}.cpp)
    set_target_properties(sparsescope_headers_${name} PROPERTIES AUTOMOC OFF AUTORCC OFF)
    target_link_libraries(sparsescope_headers_${name} PRIVATE ${ARG_USES})
    target_precompile_headers(sparsescope_headers_${name} PRIVATE ${ARG_HEADERS})
endfunction()

# Those of NAME, where they exist. The compiler refuses them (a warning) if TARGET has other options.
function(sparsescope_reads_precompiled target name)
    if(TARGET sparsescope_headers_${name})
        target_precompile_headers(${target} REUSE_FROM sparsescope_headers_${name})
    endif()
endfunction()

sparsescope_precompiled(standard
    USES nlohmann_json::nlohmann_json fmt::fmt
    HEADERS <algorithm> <array> <atomic> <chrono> <cmath> <cstdint> <filesystem> <functional> <limits> <map> <memory> <optional>
            <set> <string> <string_view> <tuple> <utility> <vector> <fmt/format.h> <nlohmann/json.hpp>)
sparsescope_precompiled(torch
    USES sparsescope_torch nlohmann_json::nlohmann_json fmt::fmt
    HEADERS <algorithm> <array> <atomic> <chrono> <cmath> <cstdint> <filesystem> <functional> <limits> <map> <memory> <optional>
            <set> <string> <string_view> <tuple> <utility> <vector> <fmt/format.h> <ATen/Context.h> <ATen/TensorOperators.h>
            <ATen/core/Tensor.h> <ATen/core/grad_mode.h> <ATen/ops/arange.h> <ATen/ops/cat.h> <ATen/ops/empty.h>
            <ATen/ops/full.h> <ATen/ops/zeros.h> <c10/core/GradMode.h>)
