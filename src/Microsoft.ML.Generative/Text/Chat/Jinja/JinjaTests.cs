using System.Collections.Frozen;

namespace Microsoft.ML.Generative.Text.Chat.Jinja;

/// <summary>What may stand behind "is".</summary>
internal static class JinjaTests
{
    private delegate bool Test(JinjaBudget budget, object? value, JinjaArguments arguments);

    private static readonly FrozenDictionary<string, string> _comparisons = new Dictionary<string, string>
    {
        ["equalto"] = "==",
        ["eq"] = "==",
        ["ne"] = "!=",
        ["gt"] = ">",
        ["greaterthan"] = ">",
        ["ge"] = ">=",
        ["lt"] = "<",
        ["lessthan"] = "<",
        ["le"] = "<=",
        ["in"] = "in",
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<string, Test> _tests = new Dictionary<string, Test>
    {
        ["defined"] = (_, v, _) => v is not JinjaUndefined,
        ["undefined"] = (_, v, _) => v is JinjaUndefined,
        ["none"] = (_, v, _) => v is null,
        ["boolean"] = (_, v, _) => v is bool,
        ["true"] = (_, v, _) => v is true,
        ["false"] = (_, v, _) => v is false,
        ["integer"] = (_, v, _) => v is long,
        ["float"] = (_, v, _) => v is double,
        ["number"] = (_, v, _) => v is long or double or bool,
        ["string"] = (_, v, _) => v is JinjaText,
        ["mapping"] = (_, v, _) => v is JinjaDictionary,
        ["sequence"] = (_, v, _) => v is JinjaText or JinjaList or JinjaDictionary,
        ["iterable"] = (_, v, _) => v is JinjaText or JinjaList or JinjaDictionary or JinjaUndefined,
        ["callable"] = (_, v, _) => v is JinjaFunction,
        ["odd"] = (_, v, _) => Whole(v) % 2 != 0,
        ["even"] = (_, v, _) => Whole(v) % 2 == 0,
        ["divisibleby"] = (b, v, a) => JinjaOperators.Compute(b, "%", v, a.Bind("divisibleby", "num!")["num"]) is 0L or 0.0,
        ["sameas"] = (_, v, a) => IsSame(v, a.Bind("sameas", "other!")["other"]),
        ["lower"] = (b, v, _) => JinjaValues.ToText(b, v).Value is var t && t.Any(char.IsLetter) && !t.Any(char.IsUpper),
        ["upper"] = (b, v, _) => JinjaValues.ToText(b, v).Value is var t && t.Any(char.IsLetter) && !t.Any(char.IsLower),
        ["filter"] = (_, v, _) => v is JinjaText name && JinjaFilters.Has(name.Value),
        ["test"] = (_, v, _) => v is JinjaText name && Has(name.Value),
        ["escaped"] = (_, _, _) => false,
    }.ToFrozenDictionary();

    public static bool Has(string name) => _tests.ContainsKey(name) || _comparisons.ContainsKey(name);

    /// <exception cref="JinjaException">The test is not known, or not for such values.</exception>
    public static bool Holds(JinjaBudget budget, string name, object? value, JinjaArguments arguments)
    {
        if (_comparisons.TryGetValue(name, out string? comparison))
            return JinjaOperators.Compare(budget, comparison, value, arguments.Bind(name, "other!")["other"]);
        return _tests.TryGetValue(name, out Test? test)
            ? test(budget, value, arguments)
            : throw new JinjaException($"the test '{name}' is not supported");
    }

    private static long Whole(object? value) => JinjaValues.Integer(value, "odd or even");

    private static bool IsSame(object? a, object? b) => (a, b) switch
    {
        (JinjaText x, JinjaText y) => x.Value == y.Value,
        (bool x, bool y) => x == y,
        (long x, long y) => x == y,
        (double x, double y) => x.Equals(y),
        _ => ReferenceEquals(a, b),
    };
}
