using System.Globalization;
using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Data.Columns;

/// <summary>Finds the classes of a model among the values of a label column, which may have them in another order.</summary>
internal static class LabelMapping
{
    /// <summary>
    /// The class of each value: of keys less 1, of numbers, and of false (0) and true (1). <see langword="null"/> where the values are the
    /// classes' numbers already.
    /// </summary>
    /// <param name="column">The column: keys, numbers or Boolean.</param>
    /// <param name="classes">What the model's classes stand for; <see langword="null"/>: their numbers alone.</param>
    /// <exception cref="ArgumentException">A value is none of the model's; the message names both lists.</exception>
    public static IReadOnlyDictionary<long, int>? Find(DataViewSchema.Column column, ClassLabels? classes)
    {
        if (classes is null)
            return null;

        switch (column.Type)
        {
            case KeyDataViewType when ClassLabels.OfKeys(column) is { } own:
                return ByName(column.Name, own, classes);
            case KeyDataViewType when !classes.AreNumbersFromZero:
                throw ColumnTypes.Mismatch(
                    $"Column '{column.Name}' has keys without values, so that they cannot be matched with the classes of the model, which "
                    + $"are {classes}. "
                    + "Make the keys with MapValueToKey, or give the classes' numbers from 0 in an integer column.");
            case BooleanDataViewType:
                return ByName(
                    column.Name,
                    classes.Type is DataKind.String or DataKind.Boolean
                    ? ClassLabels.Booleans
                    : new ClassLabels(DataKind.Int32, ["0", "1"]), classes);
            case NumberDataViewType when classes.Type is not (DataKind.String or DataKind.Boolean) && !classes.AreNumbersFromZero:
                return classes.Values.Select((value, i) => (value, i))
                    .Where(c => long.TryParse(c.value, CultureInfo.InvariantCulture, out _))
                    .ToDictionary(c => long.Parse(c.value, CultureInfo.InvariantCulture), c => c.i);
            default:
                return null;
        }
    }

    private static Dictionary<long, int>? ByName(string column, ClassLabels own, ClassLabels classes)
    {
        var numbers = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int i = 0; i < classes.Values.Length; i++)
            numbers.TryAdd(classes.Values[i], i);
        var map = new Dictionary<long, int>();
        bool isSame = true;
        for (int i = 0; i < own.Values.Length; i++)
        {
            if (!numbers.TryGetValue(own.Values[i], out int number))
                throw ColumnTypes.Mismatch(
                    $"Column '{column}' has the key values {own}, but the classes of the model are {classes}: '{own.Values[i]}' is none of "
                    + "them.");
            map.Add(i, number);
            isSame &= number == i;
        }

        return isSame ? null : map;
    }
}
