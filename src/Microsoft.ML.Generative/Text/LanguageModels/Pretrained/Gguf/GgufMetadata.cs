using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Text.LanguageModels.Pretrained.Gguf;

/// <summary>
/// The metadata of a GGUF file. Values are <see cref="long"/>, <see cref="double"/>, <see cref="bool"/>, <see cref="string"/>, or arrays
/// of these.
/// </summary>
/// <param name="source">The file as error messages name it.</param>
/// <param name="values">The values by their keys.</param>
internal sealed class GgufMetadata(string source, IReadOnlyDictionary<string, object> values)
{
    public const string ArchitectureName = "general.architecture";

    public IEnumerable<string> Names => values.Keys;

    public bool Has(string name) => values.ContainsKey(name);

    public string? Text(string name) => Find<string>(name, "a text");

    public bool? Truth(string name) => Find<object>(name, "true or false") switch
    {
        null => null,
        bool truth => truth,
        _ => throw Other(name, "true or false"),
    };

    /// <summary>A whole number from 0 on.</summary>
    public int? Count(string name) => Find<object>(name, "a number") switch
    {
        null => null,
        long count when count is >= 0 and <= int.MaxValue => (int)count,
        _ => throw Other(name, "a whole number from 0 on"),
    };

    public double? Number(string name) => Find<object>(name, "a number") switch
    {
        null => null,
        double number when double.IsFinite(number) => number,
        long number => number,
        _ => throw Other(name, "a finite number"),
    };

    public string[]? Texts(string name) => Find<string[]>(name, "texts");

    public long[]? Integers(string name) => Find<long[]>(name, "whole numbers");

    public double[]? Numbers(string name) => Find<double[]>(name, "numbers");

    public InvalidDataException Bad(string what) => new($"'{source}' is not usable: {what}.");

    public InvalidDataException Missing(string name) => Bad($"its metadata lack '{name}'");

    private T? Find<T>(string name, string expected)
        where T : class =>
        !values.TryGetValue(name, out object? value) ? null : value as T ?? throw Other(name, expected);

    private InvalidDataException Other(string name, string expected) =>
        Bad($"'{name}' in its metadata is {Quoted.Text(Describe(values[name]))}; expected {expected}");

    private static string Describe(object value) => value switch
    {
        Array array => $"an array of {array.Length}",
        IFormattable number => number.ToString(null, System.Globalization.CultureInfo.InvariantCulture),
        _ => value.ToString()!,
    };
}
