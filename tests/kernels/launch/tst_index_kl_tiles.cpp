#ifdef SPARSESCOPE_HAS_KERNELS
#include "kernels/launch/index_kl_tiles/index_kl_tiles.h"
#endif

#include <QtTest>

#include <string>

// What can be said without a card; tests/gpu/tst_loss_kernels_cuda.cpp compares its numbers with the CPU's.
class tst_IndexKlTiles : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void refusesWhatItCannotTake()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        namespace launcher = dsa::launch::index_kl_tiles;
        launcher::Params params;
        const char *why = nullptr;
        params.batch = 2;
        params.queries = params.keys = 4096;
        params.heads = 8;
        params.keyHeads = 2;
        params.indexHeads = 4;
        params.width = 96;
        params.indexWidth = 64;
        QVERIFY(launcher::supported(params, &why) && why == nullptr);
        params.keyHeads = 3;
        QVERIFY(!launcher::supported(params, &why));
        QCOMPARE(std::string(why), std::string("the key heads do not divide the heads"));
        QCOMPARE(launcher::launch(params, nullptr), cudaErrorInvalidValue);
        params.keyHeads = 2;
        params.width = 136;
        QVERIFY(!launcher::supported(params, &why));
        QCOMPARE(std::string(why), std::string("the widths of a head must be multiples of 8, up to 128"));
        params.width = 64;
        params.scale = 0;
        QVERIFY(!launcher::supported(params, &why));
        QCOMPARE(std::string(why), std::string("the scale must be more than 0"));
#else
        QSKIP("built without CUDA kernels");
#endif
    }

    void nothingToDoIsNoLaunch()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        dsa::launch::index_kl_tiles::Params params;
        params.width = params.indexWidth = 64;
        QCOMPARE(dsa::launch::index_kl_tiles::launch(params, nullptr), cudaSuccess);
#else
        QSKIP("built without CUDA kernels");
#endif
    }

    void fitsTheSharedMemoryOfAHopper()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        for (const int width : {32, 64, 128}) {
            for (const int indexWidth : {64, 128}) {
                dsa::launch::index_kl_tiles::Params params;
                params.width = width;
                params.indexWidth = indexWidth;
                QVERIFY(dsa::launch::index_kl_tiles::sharedBytes(params) <= 227 * 1024);
            }
        }
#else
        QSKIP("built without CUDA kernels");
#endif
    }
};

QTEST_GUILESS_MAIN(tst_IndexKlTiles)
#include "tst_index_kl_tiles.moc"
