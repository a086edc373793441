#include "app/preferences_dialog.h"

#include "app/text_size.h"
#include "widgets/panels/role_label.h"
#include "widgets/style/combo_box.h"
#include "widgets/style/dialogs.h"
#include "widgets/style/screen_room.h"
#include "widgets/style/theme.h"

#include <QCheckBox>
#include <QComboBox>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QVBoxLayout>

#include <algorithm>

namespace sparsescope {

PreferencesDialog::PreferencesDialog(const Preferences &preferences, QWidget *parent)
    : QDialog(parent)
    , m_theme(new ComboBox(this))
    , m_size(new ComboBox(this))
    , m_sizeHint(makeLabel(QStringLiteral("from the next start on"), "hint", this))
    , m_sizeNow(preferences.textSize)
    , m_motion(new QCheckBox(QStringLiteral("Reduce motion: jump through snapshots instead of playing them"), this))
    , m_continue(new QCheckBox(QStringLiteral("Go on with the queue when a run has failed"), this))
    , m_folder(new QLineEdit(preferences.exportFolder, this))
{
    setObjectName(QStringLiteral("preferencesDialog"));
    setWindowTitle(QStringLiteral("Preferences"));
    setAttribute(Qt::WA_DeleteOnClose);
    const auto named = [](QWidget *widget, const char *name, const QString &words) {
        widget->setObjectName(QLatin1String(name));
        widget->setAccessibleName(words);
    };
    named(m_theme, "themeCombo", QStringLiteral("Theme"));
    named(m_size, "textSizeCombo", QStringLiteral("Text and controls"));
    named(m_motion, "reducedMotionBox", m_motion->text());
    named(m_continue, "continueOnErrorBox", m_continue->text());
    named(m_folder, "exportFolderEdit", QStringLiteral("Folder for exports"));
    m_theme->addItems({QStringLiteral("Light"), QStringLiteral("Dark")});
    m_theme->setCurrentIndex(preferences.theme == Theme::Dark ? 1 : 0);
    for (const int percent : kTextSizes) {
        m_size->addItem(QStringLiteral("%1 %").arg(percent), percent);
    }
    m_size->setCurrentIndex(std::max(m_size->findData(preferences.textSize), 0));
    m_sizeHint->hide();
    m_motion->setChecked(preferences.reducedMotion);
    m_continue->setChecked(preferences.continueOnError);
    m_folder->setMinimumWidth(320);
    auto *choose = new QPushButton(QStringLiteral("Choose…"), this);
    named(choose, "exportFolderChoose", choose->text());
    auto *close = new QPushButton(QStringLiteral("Close"), this);
    named(close, "preferencesClose", close->text());
    close->setDefault(true);
    setRole(close, "primary");

    auto *folder = new QHBoxLayout;
    folder->setSpacing(8);
    folder->addWidget(m_folder, 1);
    folder->addWidget(choose);
    auto *form = new QFormLayout;
    form->setHorizontalSpacing(12);
    form->setVerticalSpacing(12);
    auto *theme = new QHBoxLayout;
    theme->addWidget(m_theme);
    theme->addStretch(1);
    form->addRow(makeLabel(QStringLiteral("Theme"), "sub", this), theme);
    auto *size = new QHBoxLayout;
    size->addWidget(m_size);
    size->addWidget(m_sizeHint);
    size->addStretch(1);
    form->addRow(makeLabel(QStringLiteral("Text and controls"), "sub", this), size);
    form->addRow(makeLabel(QStringLiteral("Motion"), "sub", this), m_motion);
    form->addRow(makeLabel(QStringLiteral("Queue"), "sub", this), m_continue);
    form->addRow(makeLabel(QStringLiteral("Exports"), "sub", this), folder);
    auto *foot = new QHBoxLayout;
    foot->addStretch(1);
    foot->addWidget(close);
    auto *page = new QWidget;
    auto *within = new QVBoxLayout(page);
    within->setContentsMargins(0, 0, 12, 0);
    within->addLayout(form);
    within->addStretch(1);
    foot->setContentsMargins(0, 0, 12, 0);
    auto *column = new QVBoxLayout(this);
    column->setContentsMargins(20, 18, 8, 16);
    column->setSpacing(14);
    column->addWidget(makeLabel(QStringLiteral("Preferences"), "title", this));
    column->addWidget(new ScrolledPage(page, windowTitle(), this), 1);
    column->addLayout(foot);
    setTabOrder(choose, close);
    resizeWithinScreen(this, sizeHint());

    connect(m_theme, &QComboBox::activated, this, &PreferencesDialog::tell);
    connect(m_size, &QComboBox::activated, this, [this] {
        m_sizeHint->setVisible(m_size->currentData().toInt() != m_sizeNow);
        tell();
    });
    connect(m_motion, &QCheckBox::toggled, this, &PreferencesDialog::tell);
    connect(m_continue, &QCheckBox::toggled, this, &PreferencesDialog::tell);
    connect(m_folder, &QLineEdit::editingFinished, this, &PreferencesDialog::tell);
    connect(choose, &QPushButton::clicked, this, [this] {
        const QString chosen = dialogs::chooseFolder(this, QStringLiteral("Folder for exports"), m_folder->text());
        if (!chosen.isEmpty()) {
            m_folder->setText(chosen);
            tell();
        }
    });
    connect(close, &QPushButton::clicked, this, &QDialog::accept);
}

void PreferencesDialog::tell()
{
    Q_EMIT changed({m_theme->currentIndex() == 1 ? Theme::Dark : Theme::Light, m_motion->isChecked(),
                    m_continue->isChecked(), m_folder->text(), m_size->currentData().toInt()});
}

} // namespace sparsescope
