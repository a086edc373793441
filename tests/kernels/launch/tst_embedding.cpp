#ifdef SPARSESCOPE_HAS_KERNELS
#include "kernels/launch/embedding/embedding.h"
#endif

#include <QtTest>

#include <string>

// What can be said without a card; tests/gpu/tst_layer_kernels_cuda.cpp compares its numbers with the CPU's.
class tst_Embedding : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void refusesWhatItCannotTake()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        namespace launcher = dsa::launch::embedding;
        launcher::Params params;
        const char *why = nullptr;
        params.tokens = 16384;
        params.kindCount = 49152;
        params.width = 256;
        QVERIFY(launcher::supported(params, &why) && why == nullptr);
        params.width = 258;
        QVERIFY(!launcher::supported(params, &why));
        QCOMPARE(std::string(why), std::string("the width must be a multiple of 4"));
        QCOMPARE(launcher::launch(params, nullptr), cudaErrorInvalidValue);
        params.width = 256;
        params.kindCount = 0;
        QVERIFY(!launcher::supported(params, &why));
        QCOMPARE(std::string(why), std::string("a size is negative, or there are no token kinds"));
#else
        QSKIP("built without CUDA kernels");
#endif
    }
};

QTEST_GUILESS_MAIN(tst_Embedding)
#include "tst_embedding.moc"
