#include "log.hpp"

#include "llama.h"

#include <atomic>
#include <mutex>

namespace pysteer {

namespace {

std::once_flag installed;
std::atomic<bool> verbose_mode{false};
std::atomic<bool> forwarding{true};
ggml_log_callback former_callback = nullptr;
void * former_data = nullptr;

struct ThreadLog {
    int depth = 0;
    std::string line;        // being assembled: llama.cpp sends parts of lines
    std::string first_error; // complete lines; the first names the cause, those after it only that loading failed
    std::string last_warning;
    ggml_log_level level = GGML_LOG_LEVEL_NONE;
};
thread_local ThreadLog here;

void keep(ggml_log_level level, const char * text) {
    if (level != GGML_LOG_LEVEL_CONT) here.level = level;
    here.line += text;
    const size_t end = here.line.find_last_of('\n');
    if (end == std::string::npos) return;
    std::string complete = here.line.substr(0, end);
    here.line.erase(0, end + 1);
    const size_t start = complete.find_last_of('\n');
    if (start != std::string::npos) complete.erase(0, start + 1);
    if (complete.empty()) return;
    if (here.level == GGML_LOG_LEVEL_ERROR && here.first_error.empty()) here.first_error = complete;
    if (here.level == GGML_LOG_LEVEL_WARN) here.last_warning = complete;
}

void receive(ggml_log_level level, const char * text, void *) {
    if (text == nullptr) return;
    if (here.depth > 0) {
        keep(level, text);
        if (!verbose_mode) return;
    }
    if (forwarding && former_callback != nullptr) former_callback(level, text, former_data);
}

} // namespace

void install_log() {
    std::call_once(installed, [] {
        llama_log_get(&former_callback, &former_data);
        llama_log_set(receive, nullptr);
    });
}

void detach_log() { forwarding = false; }

void set_verbose(bool verbose) { verbose_mode = verbose; }

LogScope::LogScope() {
    if (here.depth++ == 0) {
        here.first_error.clear();
        here.last_warning.clear();
        here.line.clear();
    }
}

LogScope::~LogScope() { --here.depth; }

std::string with_log(const std::string & message) {
    const std::string & line = here.first_error.empty() ? here.last_warning : here.first_error;
    return line.empty() ? message : message + " [llama.cpp: " + line + "]";
}

} // namespace pysteer
