#pragma once

#include "kernels/ops/dsa_decode.h"
#include "tests/kernels/ops/optest.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randperm.h>
#include <ATen/ops/tensor.h>

#include <vector>

/// Requests of unequal lengths whose pages lie anywhere in the caches, between pages full of bytes that mean nothing.
struct PagedCache {
    at::Tensor table, lengths; ///< [B,N], [B]; behind a request's pages the table is -1
    at::Tensor indexPages, latentPages;
    at::Tensor k8, scales, latent; ///< [B,64 N,Di], [B,64 N], [B,64 N,656] as they lie in the pages, unused ones too

    PagedCache(const std::vector<std::int64_t> &ends, std::int64_t pagesEach, std::int64_t width, double size = 1)
    {
        const auto batch = static_cast<std::int64_t>(ends.size()), used = batch * pagesEach;
        const at::Tensor order = at::randperm(used + 3, at::kLong).narrow(0, 0, used);
        const at::Tensor keys = optest::randn({batch, pagesEach * dsa::kPageKeys, width}, at::kFloat).mul(size);
        const at::Tensor none = at::zeros({batch, 1, 1, width}), noWeights = at::zeros({batch, 1, 1});
        std::tie(std::ignore, std::ignore, k8, scales) = dsa::index_quantize(none, keys, noWeights);
        latent = dsa::packLatent(optest::randn({batch, pagesEach * dsa::kPageKeys, 576}, at::kFloat).mul(size));
        indexPages = at::full({used + 3, dsa::kPageKeys * (width + 4)}, 255, at::kByte);
        latentPages = at::full({used + 3, dsa::kPageKeys, dsa::kLatentRowBytes}, 255, at::kByte);
        const at::Tensor places = order.view({batch, pagesEach});
        if (used > 0) {
            indexPages.index_copy_(
                0, order,
                dsa::packIndexPages(k8.view({used, dsa::kPageKeys, width}), scales.view({used, dsa::kPageKeys})));
            latentPages.index_copy_(0, order, latent.view({used, dsa::kPageKeys, dsa::kLatentRowBytes}));
        }
        lengths = at::tensor(std::vector<std::int32_t>(ends.begin(), ends.end()), at::kInt);
        table = places.to(at::kInt).clone();
        for (std::int64_t b = 0; b < batch; ++b) {
            const std::int64_t pages = std::min((std::max<std::int64_t>(ends[b], 0) + 63) / 64, pagesEach);
            table[b].narrow(0, pages, pagesEach - pages).fill_(-1);
        }
    }

    /// Keys of the indexer as numbers, [B,64 N,Di].
    at::Tensor keys() const { return k8.to(at::kDouble).mul(scales.to(at::kDouble).unsqueeze(-1)); }
};
