#ifdef SPARSESCOPE_HAS_KERNELS
#include "kernels/launch/index_keys/index_keys.h"
#endif

#include <QtTest>

#include <string>

// What can be said without a card; tests/gpu/tst_layer_kernels_cuda.cpp compares its numbers with the CPU's.
class tst_IndexKeys : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void refusesWhatItCannotTake()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        namespace launcher = dsa::launch::index_keys;
        launcher::Params params;
        const char *why = nullptr;
        params.rows = 16384;
        params.width = 64;
        params.pairs = 16;
        QVERIFY(launcher::supported(params, &why) && why == nullptr);
        params.pairs = 33;
        QVERIFY(!launcher::supported(params, &why));
        QCOMPARE(std::string(why),
                 std::string("a size is negative, or the width holds fewer than two elements a pair"));
        QCOMPARE(launcher::launchForward(params, nullptr), cudaErrorInvalidValue);
        QCOMPARE(launcher::launchBackward(params, nullptr), cudaErrorInvalidValue);
        params.width = 257;
        QVERIFY(!launcher::supported(params, &why));
        QCOMPARE(std::string(why), std::string("keys wider than 256"));
#else
        QSKIP("built without CUDA kernels");
#endif
    }
};

QTEST_GUILESS_MAIN(tst_IndexKeys)
#include "tst_index_keys.moc"
