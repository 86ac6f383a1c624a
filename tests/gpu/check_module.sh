#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: The kvviz authors
# What can be said of libkvviz_cuda.so without a GPU: it offers its one symbol and no other, lacks none of kvviz's, and
# holds kernels for sm_80 and sm_90.
# usage: check_module.sh MODULE
set -u
module=${1:?usage: check_module.sh MODULE}
faults=0
fault() { echo "FAULT $1"; faults=$((faults + 1)); }

defined=$(nm -D --defined-only "$module" | awk '{ print $NF }')
grep -qx kvviz_cuda_module <<<"$defined" || fault "kvviz_cuda_module is not defined"
missing=$(nm -DC --undefined-only "$module" | grep 'kvviz::') && fault "symbols of kvviz are missing: $missing"
for library in libtorch_cuda.so libc10_cuda.so libtorch_cpu.so libcudart; do
    readelf -d "$module" | grep -q "NEEDED.*$library" || fault "$library is not linked"
done
for architecture in sm_80 sm_90 compute_90; do
    grep -aq "$architecture" "$module" || fault "there is no code for $architecture"
done
[ "$faults" = 0 ] && echo "the module is whole"
exit "$faults"
