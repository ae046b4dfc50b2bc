#include "cli/manual.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <vector>

namespace glmocr::cli {
namespace {

std::vector<const CLI::App*> Commands(const CLI::App& app) {
  std::vector<const CLI::App*> commands;
  for (const CLI::App* command : app.get_subcommands({})) {
    if (!command->get_group().empty()) commands.push_back(command);
  }
  return commands;
}

std::vector<const CLI::Option*> Options(const CLI::App& command) {
  std::vector<const CLI::Option*> options;
  for (const CLI::Option* option : command.get_options()) {
    if (option->nonpositional() && !option->get_group().empty()) options.push_back(option);
  }
  return options;
}

std::vector<std::string> FlagsOf(const CLI::Option& option) {
  std::vector<std::string> flags;
  for (const std::string& name : option.get_snames()) flags.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) flags.push_back("--" + name);
  return flags;
}

bool TakesValue(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

// What --help shows after an option's names: "DIR", or the values to choose from.
std::string Value(const CLI::Option& option) {
  return TakesValue(option) ? option.get_type_name() : "";
}

// The values of "{a,b,c}" or "a|b|c"; empty for others.
std::vector<std::string> Choices(const CLI::Option& option) {
  std::string text = Value(option);
  if (const size_t open = text.find('{'), close = text.rfind('}');
      open != std::string::npos && close != std::string::npos && close > open) {
    text = text.substr(open + 1, close - open - 1);
    std::replace(text.begin(), text.end(), ',', '|');
  } else if (text.find('|') == std::string::npos) {
    return {};
  }
  std::vector<std::string> choices;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('|', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    const bool plain = !word.empty() && word.find_first_of(" '\"\\$`()[]:") == std::string::npos;
    if (plain) choices.push_back(word);
    begin = end + 1;
  }
  return choices;
}

bool IsFolder(const CLI::Option& option) {
  return option.get_type_name().find("DIR") != std::string::npos;
}

// --- roff ---
std::string Roff(std::string_view text) {
  std::string out;
  bool begin = true;
  for (const char c : text) {
    if (begin && (c == '.' || c == '\'')) out += "\\&";
    begin = c == '\n';
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

std::string RoffOption(const CLI::Option& option) {
  std::string names;
  for (const std::string& flag : FlagsOf(option))
    names += (names.empty() ? "" : ", ") + ("\\fB" + Roff(flag) + "\\fR");
  if (const std::string value = Value(option); !value.empty())
    names += " \\fI" + Roff(value) + "\\fR";
  std::string text = Roff(option.get_description());
  if (const std::string& value = option.get_default_str(); !value.empty() && TakesValue(option))
    text += fmt::format(" (default: {})", Roff(value));
  return fmt::format(".TP\n{}\n{}\n", names, text);
}

std::string RoffFooter(const CLI::App& app) {
  const std::string footer = app.get_footer();
  return footer.empty() ? "" : ".PP\n.nf\n" + Roff(footer) + "\n.fi\n";
}

std::string Usage(const CLI::App& command) {
  std::string positional;
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_positional())
      positional += fmt::format(" \\fI{}\\fR", Roff(option->get_type_name()));
  }
  return fmt::format(".B glm\\-ocr {}\n[\\fIOPTIONS\\fR]{}\n", Roff(command.get_name()),
                     positional);
}

// --- shells ---
std::string Words(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

std::string Bash(const CLI::App& app) {
  std::vector<std::string> names;
  std::string cases, values;
  for (const CLI::App* command : Commands(app)) {
    names.push_back(command->get_name());
    std::vector<std::string> flags;
    for (const CLI::Option* option : Options(*command)) {
      const std::vector<std::string> own = FlagsOf(*option);
      flags.insert(flags.end(), own.begin(), own.end());
      if (!TakesValue(*option)) continue;
      std::string reply = "compopt -o filenames; COMPREPLY=($(compgen -f -- \"$cur\"))";
      if (IsFolder(*option)) {
        reply = "compopt -o filenames; COMPREPLY=($(compgen -d -- \"$cur\"))";
      } else if (const std::vector<std::string> choices = Choices(*option); !choices.empty()) {
        reply = fmt::format("COMPREPLY=($(compgen -W '{}' -- \"$cur\"))", Words(choices));
      }
      for (const std::string& flag : own)
        values += fmt::format("    '{} {}') {}; return ;;\n", command->get_name(), flag, reply);
    }
    cases += fmt::format("    {}) flags='{}' ;;\n", command->get_name(), Words(flags));
  }
  return fmt::format(R"(# bash completion for glm-ocr
_glm_ocr() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} command=${{COMP_WORDS[1]}} flags=
  COMPREPLY=()
  if [[ $COMP_CWORD -eq 1 ]]; then
    COMPREPLY=($(compgen -W '{} --help --version' -- "$cur"))
    return
  fi
  case "$command $prev" in
{}  esac
  case $command in
{}  esac
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$cur"))
  else
    compopt -o filenames
    COMPREPLY=($(compgen -f -- "$cur"))
  fi
}}
complete -F _glm_ocr glm-ocr
)",
                     Words(names), values, cases);
}

// For single quotes of zsh and fish, and zsh's colons and brackets.
std::string Quoted(std::string_view text, std::string_view escaped) {
  std::string out;
  for (const char c : text.substr(0, text.find('\n'))) {
    if (c == '\'') {
      out += "'\\''";
      continue;
    }
    if (escaped.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string Zsh(const CLI::App& app) {
  std::string commands, cases;
  for (const CLI::App* command : Commands(app)) {
    commands += fmt::format("    '{}:{}'\n", command->get_name(),
                            Quoted(command->get_description(), ":\\"));
    cases += fmt::format("    {})\n      _arguments", command->get_name());
    for (const CLI::Option* option : Options(*command)) {
      for (const std::string& flag : FlagsOf(*option)) {
        cases +=
            fmt::format(" \\\n        '{}[{}]", flag, Quoted(option->get_description(), "[]:\\"));
        if (TakesValue(*option)) {
          const std::vector<std::string> choices = Choices(*option);
          cases += !choices.empty()    ? fmt::format(":value:({})", Words(choices))
                   : IsFolder(*option) ? std::string(":folder:_files -/")
                                       : std::string(":value:_files");
        }
        cases += "'";
      }
    }
    cases += " \\\n        '*:file:_files'\n      ;;\n";
  }
  return fmt::format(R"(#compdef glm-ocr
# zsh completion for glm-ocr
local -a commands
if (( CURRENT == 2 )); then
  commands=(
{}  )
  _describe 'command' commands
  return
fi
local command=$words[2]
shift words
(( CURRENT-- ))
case $command in
{}esac
)",
                     commands, cases);
}

std::string Fish(const CLI::App& app) {
  std::string out = "# fish completion for glm-ocr\n";
  for (const CLI::App* command : Commands(app)) {
    out += fmt::format("complete -c glm-ocr -n __fish_use_subcommand -f -a {} -d '{}'\n",
                       command->get_name(), Quoted(command->get_description(), "\\"));
    for (const CLI::Option* option : Options(*command)) {
      out += fmt::format("complete -c glm-ocr -n '__fish_seen_subcommand_from {}'",
                         command->get_name());
      for (const std::string& name : option->get_snames()) out += " -s " + name;
      for (const std::string& name : option->get_lnames()) out += " -l " + name;
      if (TakesValue(*option)) {
        const std::vector<std::string> choices = Choices(*option);
        out += choices.empty() ? " -r" : fmt::format(" -x -a '{}'", Words(choices));
      }
      out += fmt::format(" -d '{}'\n", Quoted(option->get_description(), "\\"));
    }
  }
  return out;
}

}  // namespace

std::string ManPage(const CLI::App& app, std::string_view version) {
  std::string out = fmt::format(
      ".TH GLM\\-OCR 1 \"\" \"glm\\-ocr {}\" \"User commands\"\n.SH NAME\nglm\\-ocr \\- reads "
      "documents: PDF and pictures to text, Markdown, JSON, HTML, hOCR, ALTO and searchable PDF\n"
      ".SH SYNOPSIS\n",
      Roff(version));
  const std::vector<const CLI::App*> commands = Commands(app);
  for (size_t i = 0; i < commands.size(); ++i) out += (i > 0 ? ".br\n" : "") + Usage(*commands[i]);
  out += ".SH DESCRIPTION\n" + Roff(app.get_description()) + "\n" + RoffFooter(app);
  for (const CLI::App* command : commands) {
    std::string name = command->get_name();
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return std::toupper(c); });
    out += fmt::format(".SH {}\n{}\n", Roff(name), Roff(command->get_description()));
    std::string group;
    for (const CLI::Option* option : Options(*command)) {
      if (option->get_group() != group) {
        group = option->get_group();
        out += fmt::format(".SS {}\n", Roff(group));
      }
      out += RoffOption(*option);
    }
    out += RoffFooter(*command);
  }
  return out;
}

std::string Completion(const CLI::App& app, std::string_view shell) {
  if (shell == "bash") return Bash(app);
  if (shell == "zsh") return Zsh(app);
  if (shell == "fish") return Fish(app);
  return {};
}

}  // namespace glmocr::cli
