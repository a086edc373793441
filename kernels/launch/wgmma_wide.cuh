#pragma once

#include "kernels/launch/wgmma.cuh"

/// Products with more than 64 columns, and with operands that lie transposed; bf16.
namespace dsa::launch::hopper {

/// Tiles side by side, kTileBytes from one to the next, as a right operand of up to 256 columns that lies by rows.
__device__ __forceinline__ std::uint64_t wideDescriptorOf(std::uint32_t address)
{
    return static_cast<std::uint64_t>(address & 0x3ffff) >> 4 | std::uint64_t{kTileBytes / 16} << 16 | std::uint64_t{64} << 32 | std::uint64_t{1} << 62;
}

// clang-format off
#define SPARSESCOPE_WGMMA_128 \
    "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15," \
    "%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31," \
    "%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47," \
    "%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63," \
    "%64,%65,%66,%67,%68,%69,%70,%71,%72,%73,%74,%75,%76,%77,%78,%79," \
    "%80,%81,%82,%83,%84,%85,%86,%87,%88,%89,%90,%91,%92,%93,%94,%95," \
    "%96,%97,%98,%99,%100,%101,%102,%103,%104,%105,%106,%107,%108,%109,%110,%111," \
    "%112,%113,%114,%115,%116,%117,%118,%119,%120,%121,%122,%123,%124,%125,%126,%127}"
#define SPARSESCOPE_WGMMA_OUT \
    "+f"((c)[0]), "+f"((c)[1]), "+f"((c)[2]), "+f"((c)[3]), "+f"((c)[4]), "+f"((c)[5]), "+f"((c)[6]), "+f"((c)[7]), \
    "+f"((c)[8]), "+f"((c)[9]), "+f"((c)[10]), "+f"((c)[11]), "+f"((c)[12]), "+f"((c)[13]), "+f"((c)[14]), "+f"((c)[15]), \
    "+f"((c)[16]), "+f"((c)[17]), "+f"((c)[18]), "+f"((c)[19]), "+f"((c)[20]), "+f"((c)[21]), "+f"((c)[22]), "+f"((c)[23]), \
    "+f"((c)[24]), "+f"((c)[25]), "+f"((c)[26]), "+f"((c)[27]), "+f"((c)[28]), "+f"((c)[29]), "+f"((c)[30]), "+f"((c)[31]), \
    "+f"((c)[32]), "+f"((c)[33]), "+f"((c)[34]), "+f"((c)[35]), "+f"((c)[36]), "+f"((c)[37]), "+f"((c)[38]), "+f"((c)[39]), \
    "+f"((c)[40]), "+f"((c)[41]), "+f"((c)[42]), "+f"((c)[43]), "+f"((c)[44]), "+f"((c)[45]), "+f"((c)[46]), "+f"((c)[47]), \
    "+f"((c)[48]), "+f"((c)[49]), "+f"((c)[50]), "+f"((c)[51]), "+f"((c)[52]), "+f"((c)[53]), "+f"((c)[54]), "+f"((c)[55]), \
    "+f"((c)[56]), "+f"((c)[57]), "+f"((c)[58]), "+f"((c)[59]), "+f"((c)[60]), "+f"((c)[61]), "+f"((c)[62]), "+f"((c)[63]), \
    "+f"((c)[64]), "+f"((c)[65]), "+f"((c)[66]), "+f"((c)[67]), "+f"((c)[68]), "+f"((c)[69]), "+f"((c)[70]), "+f"((c)[71]), \
    "+f"((c)[72]), "+f"((c)[73]), "+f"((c)[74]), "+f"((c)[75]), "+f"((c)[76]), "+f"((c)[77]), "+f"((c)[78]), "+f"((c)[79]), \
    "+f"((c)[80]), "+f"((c)[81]), "+f"((c)[82]), "+f"((c)[83]), "+f"((c)[84]), "+f"((c)[85]), "+f"((c)[86]), "+f"((c)[87]), \
    "+f"((c)[88]), "+f"((c)[89]), "+f"((c)[90]), "+f"((c)[91]), "+f"((c)[92]), "+f"((c)[93]), "+f"((c)[94]), "+f"((c)[95]), \
    "+f"((c)[96]), "+f"((c)[97]), "+f"((c)[98]), "+f"((c)[99]), "+f"((c)[100]), "+f"((c)[101]), "+f"((c)[102]), "+f"((c)[103]), \
    "+f"((c)[104]), "+f"((c)[105]), "+f"((c)[106]), "+f"((c)[107]), "+f"((c)[108]), "+f"((c)[109]), "+f"((c)[110]), "+f"((c)[111]), \
    "+f"((c)[112]), "+f"((c)[113]), "+f"((c)[114]), "+f"((c)[115]), "+f"((c)[116]), "+f"((c)[117]), "+f"((c)[118]), "+f"((c)[119]), \
    "+f"((c)[120]), "+f"((c)[121]), "+f"((c)[122]), "+f"((c)[123]), "+f"((c)[124]), "+f"((c)[125]), "+f"((c)[126]), "+f"((c)[127])
/// c += a b for 16 columns of a, in registers, and 16 rows of four tiles side by side.
__device__ __forceinline__ void multiplyAcrossWide(float (&c)[128], const std::uint32_t (&a)[4], std::uint64_t b)
{
    asm volatile("wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 " SPARSESCOPE_WGMMA_128
                 ", {%128,%129,%130,%131}, %132, 1, 1, 1, 1;"
                 : SPARSESCOPE_WGMMA_OUT
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}
#undef SPARSESCOPE_WGMMA_OUT
#undef SPARSESCOPE_WGMMA_128

#define SPARSESCOPE_WGMMA_32 \
    "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15," \
    "%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31}"
#define SPARSESCOPE_WGMMA_OUT \
    "+f"((c)[0]), "+f"((c)[1]), "+f"((c)[2]), "+f"((c)[3]), "+f"((c)[4]), "+f"((c)[5]), "+f"((c)[6]), "+f"((c)[7]), \
    "+f"((c)[8]), "+f"((c)[9]), "+f"((c)[10]), "+f"((c)[11]), "+f"((c)[12]), "+f"((c)[13]), "+f"((c)[14]), "+f"((c)[15]), \
    "+f"((c)[16]), "+f"((c)[17]), "+f"((c)[18]), "+f"((c)[19]), "+f"((c)[20]), "+f"((c)[21]), "+f"((c)[22]), "+f"((c)[23]), \
    "+f"((c)[24]), "+f"((c)[25]), "+f"((c)[26]), "+f"((c)[27]), "+f"((c)[28]), "+f"((c)[29]), "+f"((c)[30]), "+f"((c)[31])
/// c (+)= a b over 16 columns of a, or where kByColumns 16 rows of what a is the transpose of, and 16 rows of b.
/// Both are tiles in shared memory; 16 columns further on is +2, 16 rows +128.
template <bool kByColumns>
__device__ __forceinline__ void multiplyShared(float (&c)[32], std::uint64_t a, std::uint64_t b, bool accumulate)
{
    asm volatile("{\n\t.reg .pred p;\n\tsetp.ne.b32 p, %34, 0;\n\twgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 " SPARSESCOPE_WGMMA_32
                 ", %32, %33, p, 1, 1, %35, 1;\n\t}"
                 : SPARSESCOPE_WGMMA_OUT
                 : "l"(a), "l"(b), "r"(static_cast<int>(accumulate)), "n"(static_cast<int>(kByColumns)));
}
#undef SPARSESCOPE_WGMMA_OUT
#undef SPARSESCOPE_WGMMA_32
#define SPARSESCOPE_WGMMA_64 \
    "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15," \
    "%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31," \
    "%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47," \
    "%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63}"
#define SPARSESCOPE_WGMMA_OUT \
    "+f"((c)[0]), "+f"((c)[1]), "+f"((c)[2]), "+f"((c)[3]), "+f"((c)[4]), "+f"((c)[5]), "+f"((c)[6]), "+f"((c)[7]), \
    "+f"((c)[8]), "+f"((c)[9]), "+f"((c)[10]), "+f"((c)[11]), "+f"((c)[12]), "+f"((c)[13]), "+f"((c)[14]), "+f"((c)[15]), \
    "+f"((c)[16]), "+f"((c)[17]), "+f"((c)[18]), "+f"((c)[19]), "+f"((c)[20]), "+f"((c)[21]), "+f"((c)[22]), "+f"((c)[23]), \
    "+f"((c)[24]), "+f"((c)[25]), "+f"((c)[26]), "+f"((c)[27]), "+f"((c)[28]), "+f"((c)[29]), "+f"((c)[30]), "+f"((c)[31]), \
    "+f"((c)[32]), "+f"((c)[33]), "+f"((c)[34]), "+f"((c)[35]), "+f"((c)[36]), "+f"((c)[37]), "+f"((c)[38]), "+f"((c)[39]), \
    "+f"((c)[40]), "+f"((c)[41]), "+f"((c)[42]), "+f"((c)[43]), "+f"((c)[44]), "+f"((c)[45]), "+f"((c)[46]), "+f"((c)[47]), \
    "+f"((c)[48]), "+f"((c)[49]), "+f"((c)[50]), "+f"((c)[51]), "+f"((c)[52]), "+f"((c)[53]), "+f"((c)[54]), "+f"((c)[55]), \
    "+f"((c)[56]), "+f"((c)[57]), "+f"((c)[58]), "+f"((c)[59]), "+f"((c)[60]), "+f"((c)[61]), "+f"((c)[62]), "+f"((c)[63])
/// c (+)= a b^T over 16 columns of a tile and of 128 rows, a tile's and the next one's.
__device__ __forceinline__ void multiplyTilesWide(float (&c)[64], std::uint64_t a, std::uint64_t b, bool accumulate)
{
    asm volatile("{\n\t.reg .pred p;\n\tsetp.ne.b32 p, %66, 0;\n\twgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 " SPARSESCOPE_WGMMA_64
                 ", %64, %65, p, 1, 1, 0, 0;\n\t}"
                 : SPARSESCOPE_WGMMA_OUT
                 : "l"(a), "l"(b), "r"(static_cast<int>(accumulate)));
}
#undef SPARSESCOPE_WGMMA_OUT
#undef SPARSESCOPE_WGMMA_64
// clang-format on

} // namespace dsa::launch::hopper
