using System.Text;

namespace Microsoft.ML.Generative.Text.Chat.Jinja;

/// <summary>
/// The methods of texts, lists and dictionaries. Those that would change a value are refused, as in Hugging Face's sandbox.
/// </summary>
internal static class JinjaMethods
{
    private static readonly string[] _changeLists = ["append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"];
    private static readonly string[] _changeDictionaries = ["clear", "pop", "popitem", "setdefault", "update"];

    /// <summary>The method, or null.</summary>
    public static JinjaFunction? Find(object? value, string name)
    {
        Func<JinjaFrame, JinjaArguments, object?>? method = value switch
        {
            JinjaText text => OfText(text, name),
            JinjaList list => OfList(list, name),
            JinjaDictionary dictionary => OfDictionary(dictionary, name),
            _ => null,
        };
        return method is null ? null : new JinjaFunction(name, method);
    }

    private static Func<JinjaFrame, JinjaArguments, object?>? OfText(JinjaText text, string name) => name switch
    {
        "strip" => (_, a) => Strip(text, a.Bind(name, "chars"), start: true, end: true),
        "lstrip" => (_, a) => Strip(text, a.Bind(name, "chars"), start: true, end: false),
        "rstrip" => (_, a) => Strip(text, a.Bind(name, "chars"), start: false, end: true),
        "split" => (f, a) => Split(f, text, a.Bind(name, "sep", "maxsplit"), JinjaStrings.Split),
        "rsplit" => (f, a) => Split(f, text, a.Bind(name, "sep", "maxsplit"), JinjaStrings.SplitFromEnd),
        "splitlines" => (f, a) => Counted(f, [.. JinjaStrings.Lines(text, a.Bind(name, "keepends").IsTrue("keepends"))]),
        "startswith" => (_, a) => Affixes(a, name).Any(x => text.Value.StartsWith(x, StringComparison.Ordinal)),
        "endswith" => (_, a) => Affixes(a, name).Any(x => text.Value.EndsWith(x, StringComparison.Ordinal)),
        "removeprefix" => (_, a) => a.Bind(name, "prefix!").Text("prefix").Value is var x
            && text.Value.StartsWith(x, StringComparison.Ordinal) ? text.Slice(x.Length, text.Length - x.Length) : text,
        "removesuffix" => (_, a) => a.Bind(name, "suffix!").Text("suffix").Value is var x
            && text.Value.EndsWith(x, StringComparison.Ordinal) ? text.Slice(0, text.Length - x.Length) : text,
        "replace" => (f, a) => a.Bind(name, "old!", "new!", "count") is var p
            ? JinjaStrings.Replace(f.Budget, text, p.Text("old").Value, p.Text("new"), p.Integer("count", -1)) : null,
        "upper" => (f, a) => Mapped(f, text, a, name, JinjaStrings.Upper),
        "lower" or "casefold" => (f, a) => Mapped(f, text, a, name, JinjaStrings.Lower),
        "title" => (f, a) => Mapped(f, text, a, name, JinjaStrings.Title),
        "capitalize" => (f, a) => Mapped(f, text, a, name, JinjaStrings.Capitalize),
        "swapcase" => (f, a) => Mapped(f, text, a, name, JinjaStrings.SwapCase),
        "count" => (_, a) => Count(text.Value, a.Bind(name, "sub!").Text("sub").Value),
        "find" => (_, a) => Find(text.Value, a.Bind(name, "sub!").Text("sub").Value, isLast: false),
        "rfind" => (_, a) => Find(text.Value, a.Bind(name, "sub!").Text("sub").Value, isLast: true),
        "index" => (_, a) => Find(text.Value, a.Bind(name, "sub!").Text("sub").Value, isLast: false) is >= 0 and var place
            ? place : throw new JinjaException("the text that 'index' looks for is not there"),
        "join" => (f, a) => JinjaTextFilters.Join(f.Budget, JinjaValues.Items(f.Budget, a.Bind(name, "items!")["items"])
            .Select(i => JinjaValues.Text(i, "an element of 'join'")), text),
        "isdigit" or "isdecimal" or "isnumeric" => (_, _) => All(text, Rune.IsDigit),
        "isalpha" => (_, _) => All(text, Rune.IsLetter),
        "isalnum" => (_, _) => All(text, Rune.IsLetterOrDigit),
        "isspace" => (_, _) => text.Length > 0 && text.Value.All(JinjaStrings.IsSpace),
        "isupper" => (_, _) => IsCased(text, Rune.IsUpper, Rune.IsLower),
        "islower" => (_, _) => IsCased(text, Rune.IsLower, Rune.IsUpper),
        "zfill" => (f, a) => Fill(f, text, a.Bind(name, "width!")),
        "ljust" => (f, a) => Pad(f, text, a.Bind(name, "width!", "fillchar"), (missing, _) => (0, missing)),
        "rjust" => (f, a) => Pad(f, text, a.Bind(name, "width!", "fillchar"), (missing, _) => (missing, 0)),
        "center" => (f, a) => Pad(f, text, a.Bind(name, "width!", "fillchar"), Center),
        "partition" => (_, a) => Partition(text, a.Bind(name, "sep!").Text("sep").Value, isLast: false),
        "rpartition" => (_, a) => Partition(text, a.Bind(name, "sep!").Text("sep").Value, isLast: true),
        "format" or "format_map" or "encode" or "translate" or "expandtabs" =>
            (_, _) => throw new JinjaException($"the method '{name}' of texts is not supported"),
        _ => null,
    };

    private static Func<JinjaFrame, JinjaArguments, object?>? OfList(JinjaList list, string name) => name switch
    {
        "index" => (f, a) => a.Bind(name, "value!")["value"] is var value
            && Enumerable.Range(0, list.Items.Count)
                .FirstOrDefault(i => JinjaValues.AreEqual(f.Budget, list.Items[i], value), -1) is >= 0 and var place
                ? (long)place : throw new JinjaException("the value that 'index' looks for is not there"),
        "count" => (f, a) => a.Bind(name, "value!")["value"] is var value
            ? list.Items.LongCount(i => JinjaValues.AreEqual(f.Budget, i, value)) : 0L,
        "copy" when !list.IsTuple => (_, _) => list,
        _ when !list.IsTuple && _changeLists.Contains(name) => (_, _) => throw Unsafe(name, "list"),
        _ => null,
    };

    private static Func<JinjaFrame, JinjaArguments, object?>? OfDictionary(JinjaDictionary dictionary, string name) => name switch
    {
        "keys" => (f, _) => Counted(f, [.. dictionary.Items.Select(i => i.Key)]),
        "values" => (f, _) => Counted(f, [.. dictionary.Items.Select(i => i.Value)]),
        "items" => (f, _) => Pairs(f, dictionary),
        "get" =>
            (_, a) => a.Bind(name, "key!", "default") is var p && dictionary.TryGet(p["key"], out object? value) ? value : p["default"],
        "copy" => (_, _) => dictionary,
        _ when _changeDictionaries.Contains(name) => (_, _) => throw Unsafe(name, "dictionary"),
        _ => null,
    };

    /// <summary>
    /// What stands before and behind a text in the middle, as in CPython: of an odd number, the front has more where the width is odd.
    /// </summary>
    public static (long Before, long After) Center(long missing, long width)
    {
        long before = missing / 2 + (missing & width & 1);
        return (before, missing - before);
    }

    /// <summary>Keys with their values.</summary>
    public static JinjaList Pairs(JinjaFrame frame, JinjaDictionary dictionary) =>
        Counted(frame, [.. dictionary.Items.Select(i => new JinjaList([i.Key, i.Value], isTuple: true))]);

    /// <summary><c>str.strip</c> and its siblings.</summary>
    public static JinjaText Strip(JinjaText text, JinjaParameters parameters, bool start, bool end)
    {
        string? characters = parameters.OptionalText("chars")?.Value;
        return text.Trim(characters is null ? JinjaStrings.IsSpace : c => characters.Contains(c), start, end);
    }

    private static JinjaException Unsafe(string name, string type) => new($"'{name}' changes a {type}, which templates may not");

    private static JinjaList Counted(JinjaFrame frame, object?[] items)
    {
        frame.Budget.Spend(items.Length);
        return new JinjaList(items);
    }

    private static JinjaList Split(
        JinjaFrame frame, JinjaText text, JinjaParameters parameters, Func<JinjaText, string?, long, List<JinjaText>> split)
    {
        string? separator = parameters.OptionalText("sep")?.Value;
        if (separator is "")
            throw new JinjaException("the separator of 'split' is empty");
        frame.Budget.Spend(text.Length);
        return Counted(frame, [.. split(text, separator, parameters.Integer("maxsplit", -1))]);
    }

    private static IEnumerable<string> Affixes(JinjaArguments arguments, string name) => arguments.Bind(name, "affix!")["affix"] switch
    {
        JinjaList { IsTuple: true } several => several.Items.Select(i => JinjaValues.Text(i, name).Value),
        var one => [JinjaValues.Text(one, name).Value],
    };

    private static JinjaText Mapped(JinjaFrame frame, JinjaText text, JinjaArguments arguments, string name, Func<JinjaText, JinjaText> map)
    {
        arguments.Bind(name);
        frame.Budget.Spend(text.Length);
        return map(text);
    }

    private static long Count(string text, string part)
    {
        if (part.Length == 0)
            return JinjaStrings.Length(text) + 1;
        long count = 0;
        for (int i = 0; (i = text.IndexOf(part, i, StringComparison.Ordinal)) >= 0; i += part.Length)
            count++;
        return count;
    }

    private static long Find(string text, string part, bool isLast)
    {
        int place = isLast ? text.LastIndexOf(part, StringComparison.Ordinal) : text.IndexOf(part, StringComparison.Ordinal);
        return place < 0 ? -1 : JinjaStrings.Length(text[..place]);
    }

    private static bool All(JinjaText text, Func<Rune, bool> condition) => text.Length > 0 && text.Value.EnumerateRunes().All(condition);

    private static bool IsCased(JinjaText text, Func<Rune, bool> wanted, Func<Rune, bool> other) =>
        text.Value.EnumerateRunes().Any(wanted) && !text.Value.EnumerateRunes().Any(other);

    private static JinjaText Fill(JinjaFrame frame, JinjaText text, JinjaParameters parameters)
    {
        long missing = Math.Max(0, parameters.Integer("width", 0) - JinjaStrings.Length(text.Value));
        frame.Budget.Spend(missing);
        int sign = text.Length > 0 && text.Value[0] is '+' or '-' ? 1 : 0;
        return new JinjaText.Builder().Append(text, 0, sign).Append(new string('0', (int)missing))
            .Append(text, sign, text.Length - sign).ToText();
    }

    private static JinjaText Pad(
        JinjaFrame frame, JinjaText text, JinjaParameters parameters, Func<long, long, (long Before, long After)> place)
    {
        string fill = parameters.OptionalText("fillchar")?.Value ?? " ";
        if (fill.Length != 1)
            throw new JinjaException("what a text is filled with is not one character");
        long width = parameters.Integer("width", 0), missing = Math.Max(0, width - JinjaStrings.Length(text.Value));
        frame.Budget.Spend(missing);
        (long before, long after) = place(missing, width);
        return new JinjaText.Builder().Append(new string(fill[0], (int)before)).Append(text).Append(new string(fill[0], (int)after))
            .ToText();
    }

    private static JinjaList Partition(JinjaText text, string separator, bool isLast)
    {
        if (separator.Length == 0)
            throw new JinjaException("the separator of 'partition' is empty");
        int place = isLast
            ? text.Value.LastIndexOf(separator, StringComparison.Ordinal)
            : text.Value.IndexOf(separator, StringComparison.Ordinal);
        if (place < 0)
        {
            return new JinjaList(
                isLast ? [JinjaText.Empty, JinjaText.Empty, text] : [text, JinjaText.Empty, JinjaText.Empty], isTuple: true);
        }

        int next = place + separator.Length;
        return new JinjaList(
            [text.Slice(0, place), text.Slice(place, separator.Length), text.Slice(next, text.Length - next)], isTuple: true);
    }
}
