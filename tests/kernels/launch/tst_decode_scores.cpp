#ifdef SPARSESCOPE_HAS_KERNELS
#include "kernels/launch/decode_scores/decode_scores.h"
#include "kernels/launch/gathered_attention/gathered_decode.h"
#include "kernels/launch/index_quantize/index_quantize.h"
#include "kernels/launch/index_scores/index_scores.h"
#endif

#include <QtTest>

#include <string>

// What can be said without a card; tests/gpu/tst_decode_kernels_cuda.cpp compares the numbers.
class tst_DecodeScores : public QObject {
    Q_OBJECT

#ifdef SPARSESCOPE_HAS_KERNELS
    template <class Params>
    static std::string why(const Params &params, bool (*supported)(const Params &, const char **))
    {
        const char *text = nullptr;
        const bool taken = supported(params, &text);
        return taken == (text == nullptr) ? text ? text : "taken" : "says nothing";
    }
#endif

private Q_SLOTS:
    void initTestCase()
    {
#ifndef SPARSESCOPE_HAS_KERNELS
        QSKIP("built without CUDA kernels");
#endif
    }

    void scoresOfPages()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        namespace paged = dsa::launch::decode_scores;
        paged::Params good;
        good.batch = 64;
        good.queries = 1;
        good.heads = 64;
        good.width = 128;
        good.pageCount = good.pagesEach = 2048;
        const std::string best = why(good, paged::supported); // which of the two the card decides
        QVERIFY2(best == "taken" || best == "the paged kernels run on compute capability 9.0 alone", best.c_str());
        paged::Params bad = good;
        bad.queries = 5;
        QCOMPARE(why(bad, paged::supported), std::string("more than 4 new queries a request"));
        QCOMPARE(paged::launch(bad, nullptr), cudaErrorInvalidValue);
        bad = good;
        bad.heads = 65;
        QCOMPARE(why(bad, paged::supported), std::string("more than 64 indexer heads"));
        bad = good;
        bad.width = 72;
        QCOMPARE(why(bad, paged::supported), std::string("the indexer's width must be a multiple of 16, up to 128"));
        bad = good;
        bad.pagesEach = 1 << 24;
        bad.batch = 1024;
        QCOMPARE(why(bad, paged::supported), std::string("more than 2^24 pages, or 2^31 - 1 of all requests"));
        bad = good;
        bad.batch = -1;
        QCOMPARE(why(bad, paged::supported), std::string("a size is negative"));
#endif
    }

    void attentionOverPages()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        namespace gather = dsa::launch::gathered_attention;
        gather::DecodeParams good;
        good.batch = 64;
        good.queriesEach = 1;
        good.heads = 128;
        good.k = 2048;
        good.pageCount = good.pagesEach = 2048;
        const std::string best = why<gather::DecodeParams>(good, gather::supported);
        QVERIFY2(best == "taken" || best == "the gathering kernels run on compute capability 9.0 alone", best.c_str());
        gather::DecodeParams bad = good;
        bad.valueWidth = 256;
        QCOMPARE(why<gather::DecodeParams>(bad, gather::supported),
                 std::string("the gathering kernels are for rows 576 wide with 512 values"));
        QCOMPARE(gather::launchDecode(bad, nullptr), cudaErrorInvalidValue);
        bad = good;
        bad.pageCount = (1 << 24) + 1; // rows are counted in 30 bits
        QCOMPARE(why<gather::DecodeParams>(bad, gather::supported), std::string("more than 2^24 queries or 2^30 keys"));
        bad = good;
        bad.pagesEach = -1;
        QCOMPARE(why<gather::DecodeParams>(bad, gather::supported), std::string("a size is negative"));
#endif
    }

    void scoresInE4m3()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        namespace scores = dsa::launch::index_scores;
        scores::Params good;
        good.type = scores::Type::E4m3;
        good.batch = 1;
        good.queries = good.keys = 1000;
        good.heads = 64;
        good.width = 128;
        const std::string best = why(good, scores::supported); // which of the two the card decides
        QVERIFY2(best == "taken" || best == "e4m3 scores run on compute capability 9.0 alone", best.c_str());
        for (const auto &[heads, width] : {std::pair{65, 128}, std::pair{64, 136}, std::pair{64, 24}}) {
            scores::Params bad = good;
            bad.heads = heads;
            bad.width = width;
            QCOMPARE(why(bad, scores::supported),
                     std::string("in e4m3 there may be 64 indexer heads, their width a multiple of 16 up to 128"));
            QCOMPARE(scores::launch(bad, nullptr), cudaErrorInvalidValue);
        }
        good.portable = true;
        QCOMPARE(why(good, scores::supported), std::string("e4m3 scores run on compute capability 9.0 alone"));
#endif
    }

    void rowsInE4m3()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        namespace quantize = dsa::launch::index_quantize;
        quantize::Params params;
        params.rows = 100;
        params.width = 128;
        QCOMPARE(why(params, quantize::supported), std::string("taken"));
        params.width = 129;
        QCOMPARE(why(params, quantize::supported), std::string("rows wider than 128 have more than one scale"));
        QCOMPARE(quantize::launch(params, nullptr), cudaErrorInvalidValue);
        params.width = 0;
        QCOMPARE(why(params, quantize::supported), std::string("a size is negative, or the width is 0"));
#endif
    }
};

QTEST_GUILESS_MAIN(tst_DecodeScores)
#include "tst_decode_scores.moc"
