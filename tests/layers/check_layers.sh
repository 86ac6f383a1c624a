#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: The kvviz authors
# The layer test: Qt, LibTorch and HDF5 headers stay in their folders, no file sees both Qt and LibTorch, no layer
# includes a higher one, and the programs link only what they may.
# usage: check_layers.sh SOURCE_FOLDER [FOLDER_OF_THE_PROGRAMS]
set -u
source_folder=${1:?usage: check_layers.sh SOURCE_FOLDER [FOLDER_OF_THE_PROGRAMS]}
programs=${2:-}
cd "$source_folder" || exit 2
faults=0

fault() {
    echo "FAULT $1"
    faults=$((faults + 1))
}

# Source files below the given folders that exist.
sources() {
    local folder
    for folder in "$@"; do
        [ -d "$folder" ] && find "$folder" -type f \( -name '*.cpp' -o -name '*.hpp' -o -name '*.cu' -o -name '*.cuh' -o -name '*.in' \)
    done
}

qt='^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"](Q[A-Z]|Qt[A-Z][A-Za-z]*/|qcustomplot\.h|views/)'
torch='^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"](torch/|ATen/|c10/)'
cuda='^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"](cuda_|cuda\.h|c10/cuda/|ATen/cuda/)'
hdf5='^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"](hdf5|H5[A-Z])'

# forbid NAME PATTERN ALLOWED FOLDERS...: no file below FOLDERS may match, unless its path matches ALLOWED.
forbid() {
    local name=$1 pattern=$2 allowed=$3 count=0 file
    shift 3
    while IFS= read -r file; do
        count=$((count + 1))
        if [[ ! $file =~ $allowed ]] && grep -nHE "$pattern" "$file"; then
            fault "$file includes $name; only files matching $allowed may"
        fi
    done < <(sources "$@")
    echo "checked $count files: $name only in $allowed"
}

folders=(core datasets compress study capture evaluation views app tests)
forbid Qt "$qt" '^(views/|app/gui|tests/(views|plot|gui|app|support))' "${folders[@]}"
forbid LibTorch "$torch" '^(capture/|app/engine|tests/capture)' "${folders[@]}"
forbid CUDA "$cuda" '^capture/cuda/' "${folders[@]}"
forbid HDF5 "$hdf5" '^(core/io/|tests/)' "${folders[@]}"

both=0
while IFS= read -r file; do
    if grep -qE "$qt" "$file" && grep -qE "$torch" "$file"; then
        fault "$file includes both Qt and LibTorch"
    fi
    both=$((both + 1))
done < <(sources "${folders[@]}")
echo "checked $both files: none with both Qt and LibTorch"

# Includes point downwards: 'lower' folders must not include from 'higher' ones.
upward() {
    local folder=$1 higher=$2 file
    while IFS= read -r file; do
        if grep -nHE "^[[:space:]]*#[[:space:]]*include[[:space:]]*\"($higher)/" "$file"; then
            fault "$file includes a header of a higher layer ($higher)"
        fi
    done < <(sources "$folder")
    echo "checked $folder: includes nothing from $higher"
}
upward core 'datasets|compress|study|capture|evaluation|views|app|tests'
upward datasets 'core/io|compress|study|capture|evaluation|views|app|tests'
upward compress 'core/io|datasets|study|capture|evaluation|views|app|tests'
upward study 'capture|evaluation|views|app|tests'
upward capture 'compress|datasets|study|evaluation|views|app|tests'
upward evaluation 'datasets|study|views|app|tests'
upward views 'study|capture|evaluation|app|tests'
upward app 'tests'
for file in core/*.cpp core/*.hpp; do
    if grep -nHE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"core/io/' "$file"; then
        fault "$file (layer 1) includes core/io (layer 2)"
    fi
done
echo "checked core: includes nothing from core/io"

# linkage PROGRAM PATTERN: the shared libraries of a program do not match.
linkage() {
    local program=$programs/$1 pattern=$2 libraries
    [ -x "$program" ] || { echo "not built: $1"; return; }
    libraries=$(ldd "$program") || { fault "ldd cannot read $program"; return; }
    if grep -E "$pattern" <<<"$libraries"; then
        fault "$1 links $pattern"
    else
        echo "checked $1: links nothing like $pattern"
    fi
}
if [ -n "$programs" ]; then
    linkage kvviz 'libQt|libqcustomplot|libQCustomPlot|libtorch|libc10|libcuda'
    linkage kvviz-gui 'libtorch|libc10|libcuda'
    linkage kvviz-engine 'libQt|libqcustomplot|libQCustomPlot|libtorch_cuda|libc10_cuda|libkvviz_cuda' # LibTorch's own libraries may bring libcudart
fi

if [ "$faults" -gt 0 ]; then
    echo "$faults faults"
    exit 1
fi
echo "all layers hold"
