#pragma once

#include "widgets/plots/compare_facts.h"
#include "widgets/state/compare_sides.h"
#include "widgets/state/view_state.h"

#include <QFrame>

#include <vector>

class QComboBox;
class QLabel;
class QPushButton;

namespace sparsescope {

class ComboBox;
/// Which two sides are compared, what they have in common, over what they are drawn; and why they have no verdict.
class CompareHeader : public QFrame {
    Q_OBJECT

public:
    explicit CompareHeader(ViewState *viewState, QWidget *parent = nullptr);

    void setSides(const std::vector<CompareSide> &sides);
    void setFacts(const std::vector<MatchFact> &facts, bool chosen);
    /// "3 of 14 figures" while a comparison is written; empty: none is.
    void setExporting(const QString &progress);
    void setExportable(bool exportable);
    /// Opens the list of a side.
    void openSide(bool a);

Q_SIGNALS:
    void exportRequested(); ///< or its end, while one is written
    /// A run folder was dropped on a side.
    void folderDropped(bool onA, const QString &folder);

protected:
    void changeEvent(QEvent *event) override;
    void resizeEvent(QResizeEvent *event) override;
    bool eventFilter(QObject *watched, QEvent *event) override;

private:
    void fill(QComboBox *combo, const std::vector<CompareSide> &sides);
    void showView();
    void showBadges();
    void showFacts();

    ViewState *m_viewState;
    QLabel *m_badgeA, *m_badgeB, *m_match, *m_matchIcon, *m_differs, *m_differsIcon;
    QWidget *m_matchBox;
    QLabel *m_against;
    ComboBox *m_a, *m_b;
    QComboBox *m_by;
    QPushButton *m_swap, *m_export;
    std::vector<MatchFact> m_facts;
    std::vector<std::pair<QString, Family>> m_families; ///< of the keys
    bool m_chosen = false;
};

/// A bar over the page: the checks that withhold a verdict, and what to do.
class FaultBar : public QFrame {
    Q_OBJECT

public:
    explicit FaultBar(QWidget *parent = nullptr);
    void setFault(const ComparisonFault &fault);

protected:
    void changeEvent(QEvent *event) override;
    void paintEvent(QPaintEvent *event) override;

private:
    void showFault();

    QLabel *m_icon, *m_title, *m_text;
    ComparisonFault m_fault;
};

} // namespace sparsescope
