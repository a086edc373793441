#ifdef SPARSESCOPE_HAS_KERNELS
#include "kernels/launch/scaled_copy/scaled_copy.h"
#endif

#include <QtTest>

#include <limits>
#include <string>

// What can be said without a card; tests/gpu/tst_loss_kernels_cuda.cpp compares the kernel's bits with the library's.
class tst_ScaledCopy : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void refusesWhatItCannotTake()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        namespace scaled_copy = dsa::launch::scaled_copy;
        alignas(16) float numbers[8] = {};
        scaled_copy::Params params;
        const char *why = nullptr;
        params.arrays[0] = {numbers, numbers, 8, scaled_copy::Type::Float};
        QVERIFY(scaled_copy::supported(params, &why) && why == nullptr);
        params.arrays[1].elements = -1;
        QVERIFY(!scaled_copy::supported(params, &why));
        QCOMPARE(std::string(why), std::string("a size is negative"));
        QCOMPARE(scaled_copy::launch(params, nullptr), cudaErrorInvalidValue);
        params.arrays[1] = {numbers + 1, numbers, 4, scaled_copy::Type::Float};
        QVERIFY(!scaled_copy::supported(params, &why));
        QCOMPARE(std::string(why), std::string("an array does not begin on 16 bytes"));
        params.arrays[1] = {numbers, numbers, std::numeric_limits<std::int64_t>::max(), scaled_copy::Type::Float};
        QVERIFY(!scaled_copy::supported(params, &why));
        QCOMPARE(std::string(why), std::string("more than 2^31 - 1 blocks"));
#else
        QSKIP("built without CUDA kernels");
#endif
    }

    void nothingToDoIsNoLaunch()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        QCOMPARE(dsa::launch::scaled_copy::launch({}, nullptr), cudaSuccess);
#else
        QSKIP("built without CUDA kernels");
#endif
    }
};

QTEST_GUILESS_MAIN(tst_ScaledCopy)
#include "tst_scaled_copy.moc"
