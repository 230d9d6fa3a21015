#include "common/metadata/json.h"

#include <Poco/Exception.h>
#include <Poco/JSON/ParseHandler.h>
#include <Poco/JSON/Parser.h>

#include <sstream>

namespace leader::metadata::json {
namespace {

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
    throw Poco::DataFormatException(path + ": " + why);
}

/// Hands out the elements of the outermost array as they are complete, and keeps none.
class ElementHandler : public Poco::JSON::Handler {
  public:
    using Visit = std::function<void(const Object&, const std::string&)>;

    ElementHandler(std::string path, Visit visit) : path_(std::move(path)), visit_(std::move(visit)) {}

    void reset() override {}
    void startArray() override {
        if (depth_ > 0) element().startArray();
        ++depth_;
    }
    void endArray() override {
        if (--depth_ > 0) element_.endArray();
    }
    void startObject() override {
        if (depth_ == 0) refuse(path_, "is an object, not an array");
        element_.startObject();
        ++depth_;
    }
    void endObject() override {
        element_.endObject();
        if (--depth_ > 1) return;
        visit_(element_.asVar().extract<Object>(), elementPath());
        element_.reset();
        ++index_;
    }
    void key(const std::string& name) override { element_.key(name); }
    void null() override { element().null(); }
    void value(int v) override { element().value(v); }
    void value(unsigned v) override { element().value(v); }
    void value(Poco::Int64 v) override { element().value(v); }
    void value(Poco::UInt64 v) override { element().value(v); }
    void value(const std::string& v) override { element().value(v); }
    void value(double v) override { element().value(v); }
    void value(bool v) override { element().value(v); }

  private:
    std::string elementPath() const { return path_ + "/" + std::to_string(index_); }

    Poco::JSON::ParseHandler& element() {
        if (depth_ == 0) refuse(path_, "is not an array");
        if (depth_ == 1) refuse(elementPath(), "is not an object");
        return element_;
    }

    std::string path_;
    Visit visit_;
    Poco::JSON::ParseHandler element_;
    std::size_t depth_ = 0;
    std::size_t index_ = 0;
};

// Poco's own words for these are about its stack, and for HTML about a byte.
void refuseNoDocument(const std::string& text, const std::string& path) {
    const std::size_t start = text.find_first_not_of(" \t\r\n");
    if (start == std::string::npos) refuse(path, "is empty");
    if (text.compare(start, 4, "null") == 0) refuse(path, "is null");
    if (text[start] != '{' && text[start] != '[') refuse(path, "is not JSON");
}

void run(Poco::JSON::Parser& parser, const std::string& text, const std::string& path) {
    refuseNoDocument(text, path);
    try {
        parser.parse(text);
    } catch (const Poco::DataFormatException&) {
        throw;
    } catch (const Poco::Exception& e) {
        refuse(path, "is not JSON: " + e.message());
    }
}

}  // namespace

const char* kindOf(const Poco::Dynamic::Var& value) {
    if (value.isEmpty()) return "null";
    if (value.type() == typeid(Object)) return "an object";
    if (value.type() == typeid(Poco::JSON::Array::Ptr)) return "an array";
    if (value.isBoolean()) return "true or false";
    return value.isString() ? "a string" : "a number";
}

Poco::Dynamic::Var parse(const std::string& text, const std::string& path) {
    Poco::JSON::Parser parser;
    run(parser, text, path);
    return parser.result();
}

void forEachObject(const std::string& text, const std::string& path,
                   const std::function<void(const Object&, const std::string& path)>& visit) {
    Poco::JSON::Parser parser(new ElementHandler(path, visit));
    run(parser, text, path);
}

std::string textOf(const Poco::JSON::Object& object) {
    std::ostringstream text;
    object.stringify(text);
    return text.str();
}

Object asObject(const Poco::Dynamic::Var& value, const std::string& path) {
    if (value.isEmpty() || value.type() != typeid(Object))
        refuse(path, std::string("is ") + kindOf(value) + ", not an object");
    return value.extract<Object>();
}

Object object(const Poco::JSON::Object& parent, const std::string& key, const std::string& path) {
    const Poco::Dynamic::Var value = parent.get(key);
    return value.isEmpty() ? Object() : asObject(value, path + "/" + key);
}

std::string text(const Poco::JSON::Object& parent, const std::string& key, const std::string& path) {
    const Poco::Dynamic::Var value = parent.get(key);
    if (value.isEmpty()) return "";
    if (value.type() != typeid(std::string))
        refuse(path + "/" + key, std::string("is ") + kindOf(value) + ", not a string");
    return value.extract<std::string>();
}

}  // namespace leader::metadata::json
