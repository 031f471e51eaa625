using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Text.Chat.Jinja;

/// <summary>Attributes and elements of values.</summary>
internal static class JinjaAccess
{
    /// <summary><c>value.name</c>: a method or an attribute, or else the element of that name.</summary>
    public static object? Attribute(object? value, string name)
    {
        if (value is JinjaUndefined undefined)
            throw undefined.Error();
        if (value is IJinjaObject container && container.TryGet(name, out object? found))
            return found;
        if (JinjaMethods.Find(value, name) is { } method)
            return method;
        return value is JinjaDictionary dictionary && dictionary.TryGet(JinjaText.Of(name), out object? item) ? item : Missing(value, name);
    }

    /// <summary><c>value[index]</c>: an element or a part, or else the attribute of that name.</summary>
    /// <exception cref="JinjaException">The value has no such elements.</exception>
    public static object? Item(JinjaBudget budget, object? value, object? index)
    {
        switch (value, index)
        {
            case (JinjaUndefined undefined, _):
                throw undefined.Error();
            case (JinjaDictionary dictionary, not JinjaSlice):
                if (dictionary.TryGet(index, out object? found))
                    return found;
                break;
            case (JinjaList list, long or bool):
                int? place = Place(JinjaValues.Integer(index, "index"), list.Items.Count);
                return place is { } i ? list.Items[i] : Missing(value, $"{index}");
            case (JinjaList list, JinjaSlice slice):
                object?[] part = [.. slice.Indices(list.Items.Count).Select(i => list.Items[i])];
                budget.Spend(part.Length);
                return new JinjaList(part, list.IsTuple);
            case (JinjaText text, long or bool):
                int[] places = JinjaStrings.Places(text.Value);
                budget.Spend(places.Length);
                return Place(JinjaValues.Integer(index, "index"), places.Length - 1) is { } c
                    ? text.Slice(places[c], places[c + 1] - places[c])
                    : Missing(value, $"{index}");
            case (JinjaText text, JinjaSlice slice):
                return Slice(budget, text, slice);
            default:
                break;
        }

        return index is JinjaText name ? Attribute(value, name.Value) : Missing(value, JinjaValues.ToText(budget, index).Value);
    }

    private static JinjaText Slice(JinjaBudget budget, JinjaText text, JinjaSlice slice)
    {
        int[] places = JinjaStrings.Places(text.Value);
        budget.Spend(places.Length);
        var part = new JinjaText.Builder();
        foreach (int i in slice.Indices(places.Length - 1))
            part.Append(text, places[i], places[i + 1] - places[i]);
        return part.ToText();
    }

    private static int? Place(long index, int count)
    {
        long place = index < 0 ? index + count : index;
        return place >= 0 && place < count ? (int)place : null;
    }

    private static JinjaUndefined Missing(object? value, string name) =>
        new($"{JinjaValues.TypeName(value)} has no {Quoted.Text(name)}");
}
