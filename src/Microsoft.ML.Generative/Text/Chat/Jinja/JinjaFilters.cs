using System.Collections.Frozen;
using static Microsoft.ML.Generative.Text.Chat.Jinja.JinjaListFilters;
using static Microsoft.ML.Generative.Text.Chat.Jinja.JinjaNumberFilters;
using static Microsoft.ML.Generative.Text.Chat.Jinja.JinjaTextFilters;

namespace Microsoft.ML.Generative.Text.Chat.Jinja;

/// <summary>What may stand behind "|".</summary>
internal static class JinjaFilters
{
    private delegate object? Filter(JinjaFrame frame, object? value, JinjaArguments arguments);

    private static readonly FrozenDictionary<string, Filter> _filters = new Dictionary<string, Filter>
    {
        ["abs"] = (_, v, _) => JinjaOperators.Sign(v, isNegative: JinjaValues.Number(v) is < 0 or -0.0),
        ["attr"] = (_, v, a) => JinjaAccess.Attribute(v, a.Bind("attr", "name!").Text("name").Value),
        ["batch"] = (f, v, a) => Batch(f, v, a.Bind("batch", "linecount!", "fill_with")),
        ["capitalize"] = (f, v, _) => JinjaStrings.Capitalize(TextOf(f, v)),
        ["center"] = (f, v, a) => Center(f, TextOf(f, v), a.Bind("center", "width").Integer("width", 80)),
        ["count"] = (_, v, _) => Length(v),
        ["d"] = (_, v, a) => Default(v, a),
        ["default"] = (_, v, a) => Default(v, a),
        ["dictsort"] = (f, v, a) => DictionarySort(f, v, a.Bind("dictsort", "case_sensitive", "by", "reverse")),
        ["e"] = (f, v, _) => Escape(TextOf(f, v)),
        ["escape"] = (f, v, _) => Escape(TextOf(f, v)),
        ["first"] = (f, v, _) => JinjaValues.Items(f.Budget, v) is [var item, ..] ? item : new JinjaUndefined("there is no first element"),
        ["float"] = (f, v, a) => Float(f, v) ?? (a.Bind("float", "default") is var p && p.Has("default") ? p["default"] : 0.0),
        ["forceescape"] = (f, v, _) => Escape(TextOf(f, v)),
        ["format"] = (f, v, a) => JinjaFormat.Percent(f.Budget, TextOf(f, v), a.Positional),
        ["groupby"] = (f, v, a) => GroupBy(f, v, a.Bind("groupby", "attribute!", "default", "case_sensitive")),
        ["indent"] = (f, v, a) => Indent(f, TextOf(f, v), a.Bind("indent", "width", "first", "blank")),
        ["int"] = (f, v, a) => Integer(f, v, a.Bind("int", "default", "base")),
        ["items"] = (f, v, _) => v is JinjaUndefined ? new JinjaList([])
            : v is JinjaDictionary d ? JinjaMethods.Pairs(f, d) : throw new JinjaException("'items' of what is no dictionary"),
        ["join"] = (f, v, a) => Join(f, v, a.Bind("join", "d", "attribute")),
        ["last"] = (f, v, _) => JinjaValues.Items(f.Budget, v) is [.., var item] ? item : new JinjaUndefined("there is no last element"),
        ["length"] = (_, v, _) => Length(v),
        ["list"] = (f, v, _) => new JinjaList(JinjaValues.Items(f.Budget, v)),
        ["lower"] = (f, v, _) => JinjaStrings.Lower(TextOf(f, v)),
        ["map"] = Map,
        ["max"] = (f, v, a) => Extreme(f, v, a.Bind("max", "case_sensitive", "attribute"), isMax: true),
        ["min"] = (f, v, a) => Extreme(f, v, a.Bind("min", "case_sensitive", "attribute"), isMax: false),
        ["reject"] = (f, v, a) => Select(f, v, a, isWanted: false, withAttribute: false),
        ["rejectattr"] = (f, v, a) => Select(f, v, a, isWanted: false, withAttribute: true),
        ["replace"] = (f, v, a) => a.Bind("replace", "old!", "new!", "count") is var p
            ? JinjaStrings.Replace(
                f.Budget, TextOf(f, v), TextOf(f, p["old"]).Value, TextOf(f, p["new"]), p["count"] is null ? -1 : p.Integer("count", -1))
            : null,
        ["reverse"] = (f, v, _) => Reverse(f, v),
        ["round"] = (_, v, a) => Round(v, a.Bind("round", "precision", "method")),
        ["safe"] = (f, v, _) => TextOf(f, v),
        ["select"] = (f, v, a) => Select(f, v, a, isWanted: true, withAttribute: false),
        ["selectattr"] = (f, v, a) => Select(f, v, a, isWanted: true, withAttribute: true),
        ["slice"] = (f, v, a) => Slice(f, v, a.Bind("slice", "slices!", "fill_with")),
        ["sort"] = (f, v, a) => Sort(f, v, a.Bind("sort", "reverse", "case_sensitive", "attribute")),
        ["string"] = (f, v, _) => TextOf(f, v),
        ["sum"] = (f, v, a) => Sum(f, v, a.Bind("sum", "attribute", "start")),
        ["title"] = (f, v, _) => Title(TextOf(f, v)),
        ["tojson"] = (f, v, a) => JinjaJson.Write(f.Budget, v, a),
        ["trim"] = (f, v, a) => JinjaMethods.Strip(TextOf(f, v), a.Bind("trim", "chars"), start: true, end: true),
        ["unique"] = (f, v, a) => Unique(f, v, a.Bind("unique", "case_sensitive", "attribute")),
        ["upper"] = (f, v, _) => JinjaStrings.Upper(TextOf(f, v)),
        ["wordcount"] = (f, v, _) => (long)JinjaStrings.Split(TextOf(f, v), null, -1).Count,
    }.ToFrozenDictionary();

    public static bool Has(string name) => _filters.ContainsKey(name);

    /// <exception cref="JinjaException">The filter is not known, or not for such values.</exception>
    public static object? Apply(JinjaFrame frame, string name, object? value, JinjaArguments arguments)
    {
        if (!_filters.TryGetValue(name, out Filter? filter))
            throw new JinjaException($"the filter '{name}' is not supported");
        return filter(frame, value, arguments);
    }

    private static long Length(object? value) =>
        JinjaValues.Length(value) ?? throw new JinjaException($"{JinjaValues.TypeName(value)} has no length");

    private static object? Default(object? value, JinjaArguments arguments)
    {
        JinjaParameters parameters = arguments.Bind("default", "default_value", "boolean");
        bool isMissing = value is JinjaUndefined || (parameters.IsTrue("boolean") && !JinjaValues.IsTrue(value));
        return !isMissing ? value : parameters.Has("default_value") ? parameters["default_value"] : JinjaText.Empty;
    }
}
