#include "core/data/data_source_kinds.h"
#include "core/data/generated_source.h"
#include "core/data/generator_options.h"

#include <fmt/format.h>

#include <algorithm>

namespace sparsescope {

namespace {

/// `copies` symbols scattered in blanks, then a mark, then the symbols again in the order in which they stood. The loss is
/// on the repetition. Tokens: 0 blank, 1 the mark, then the symbols.
class SelectiveCopySource : public GeneratedSource {
public:
    explicit SelectiveCopySource(const RunConfig &config)
        : GeneratedSource("selective-copy", config)
    {
        const GeneratorOptions options(config.data.options, selectiveCopyKind().options, "selective-copy");
        m_copies = options.integer("copies", 1, 65536);
        m_symbols = options.integer("symbols", 2, 65536 - 2);
        if (length() < 2 * m_copies) {
            throw Failure({"the window is too short for the copies", "training.sequence_length",
                           std::to_string(length()),
                           fmt::format("{} or more (twice data.options.copies)", 2 * m_copies),
                           "Lengthen the window, or lower data.options.copies."});
        }
    }

    int vocabulary() const override { return 2 + m_symbols; }
    std::string word(std::int32_t id) const override
    {
        if (id == 0 || id == 1) {
            return id == 0 ? "_" : "copy";
        }
        return id >= 2 && id < vocabulary() ? fmt::format("s{}", id - 2) : fmt::format("?{}", id);
    }
    std::optional<double> floor() const override { return 0.0; }
    bool isTask() const override { return true; }
    std::optional<double> chanceAccuracy() const override { return 1.0 / m_symbols; }

protected:
    Row makeRow(RandomStream &stream, Split) const override
    {
        Row row(length());
        const int body = length() - m_copies; // then the mark and all symbols but the last, which is only a target
        std::vector<int> places = stream.distinct(m_copies, body);
        std::sort(places.begin(), places.end());
        row.input(body) = 1;
        for (int i = 0; i < m_copies; ++i) {
            const int place = places[static_cast<std::size_t>(i)];
            row.input(place) = 2 + static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(m_symbols)));
            row.ask(body + i, row.input(place), {place}, 0); // the whole repetition is one answer
            if (i + 1 < m_copies) {
                row.input(body + i + 1) = row.input(place);
            }
        }
        return row;
    }

private:
    int m_copies = 0;
    int m_symbols = 0;
};

} // namespace

DataSourceKind selectiveCopyKind()
{
    return {"selective-copy",
            "Symbols scattered in blanks, to be repeated in order at the end.",
            {{"copies", 8}, {"symbols", 16}},
            [](const RunConfig &config) -> std::unique_ptr<DataSource> {
                return std::make_unique<SelectiveCopySource>(config);
            }};
}

} // namespace sparsescope
