using System.Numerics;
using System.Runtime.CompilerServices;

namespace Microsoft.ML.Generative.Common;

/// <summary>
/// Checks options; the errors name the option, its value and the supported values. Nullable options may be null.
/// </summary>
internal static class OptionChecks
{
    /// <summary>The most that a whole number may be which memory, loops or native code follow.</summary>
    public const int Most = 1 << 24;

    // Beyond these, Single holds 0 or infinity, or products of a few do.
    private const double LeastReal = 1e-30;
    private const double MostReal = 1e30;

    // Beyond it, noise is all that there is.
    private const double MostNoise = 100;

    private const int MaxRowsAtOnce = 65_536;

    public static void AtLeast<T>(T value, T lowest, [CallerArgumentExpression(nameof(value))] string name = "")
        where T : INumber<T>
    {
        if (!(value >= lowest) || T.IsPositiveInfinity(value))
            throw new ArgumentOutOfRangeException(name, value, $"{name} is {value}; expected {lowest} or more.");
    }

    /// <summary>Checks a whole number that memory, loops or native code follow: it is at most <see cref="Most"/>.</summary>
    public static void AtLeast(int value, int lowest, [CallerArgumentExpression(nameof(value))] string name = "")
    {
        AtLeast<int>(value, lowest, name);
        if (value > Most)
            throw new ArgumentOutOfRangeException(name, value, $"{name} is {value}; expected {lowest} to {Most}.");
    }

    /// <inheritdoc cref="AtLeast(int, int, string)"/>
    public static void AtLeast(int? value, int lowest, [CallerArgumentExpression(nameof(value))] string name = "")
    {
        if (value is { } given)
            AtLeast(given, lowest, name);
    }

    /// <summary>Checks a real number, which native code takes as Single.</summary>
    public static void AtLeast(double value, double lowest, [CallerArgumentExpression(nameof(value))] string name = "")
    {
        if (!(value >= lowest && value <= MostReal))
            throw new ArgumentOutOfRangeException(name, value, $"{name} is {value}; expected {lowest} or more, up to {MostReal}.");
    }

    /// <inheritdoc cref="AtLeast(double, double, string)"/>
    public static void AtLeast(double? value, double lowest, [CallerArgumentExpression(nameof(value))] string name = "")
    {
        if (value is { } given)
            AtLeast(given, lowest, name);
    }

    public static void AtLeast<T>(T? value, T lowest, [CallerArgumentExpression(nameof(value))] string name = "")
        where T : struct, INumber<T>
    {
        if (value is { } given)
            AtLeast(given, lowest, name);
    }

    public static void Positive(double value, [CallerArgumentExpression(nameof(value))] string name = "")
    {
        if (!(value >= LeastReal && value <= MostReal))
        {
            throw new ArgumentOutOfRangeException(
                name, value, $"{name} is {value}; expected more than 0, from {LeastReal} to {MostReal}.");
        }
    }

    public static void Positive(double? value, [CallerArgumentExpression(nameof(value))] string name = "")
    {
        if (value is { } given)
            Positive(given, name);
    }

    public static void Between(double value, double lowest, double highest, [CallerArgumentExpression(nameof(value))] string name = "")
    {
        if (!(value >= lowest && value <= highest))
            throw new ArgumentOutOfRangeException(name, value, $"{name} is {value}; expected {lowest} to {highest}.");
    }

    public static void ZeroOrBetween(
        double value, double lowest, double highest, [CallerArgumentExpression(nameof(value))] string name = "")
    {
        if (value != 0 && !(value >= lowest && value <= highest))
            throw new ArgumentOutOfRangeException(name, value, $"{name} is {value}; expected 0, or {lowest} to {highest}.");
    }

    public static void Between(double? value, double lowest, double highest, [CallerArgumentExpression(nameof(value))] string name = "")
    {
        if (value is { } given)
            Between(given, lowest, highest, name);
    }

    /// <summary>Checks what latent noise is multiplied by.</summary>
    public static void NoiseScale(double value, double lowest = 0, [CallerArgumentExpression(nameof(value))] string name = "") =>
        Between(value, lowest, MostNoise, name);

    /// <summary>Checks that a value is at least 0 and below a bound.</summary>
    public static void Below(double value, double bound, [CallerArgumentExpression(nameof(value))] string name = "")
    {
        if (!(value >= 0 && value < bound))
            throw new ArgumentOutOfRangeException(name, value, $"{name} is {value}; expected 0 to below {bound}.");
    }

    /// <summary>Checks that a value is at least 0 and below a bound.</summary>
    public static void Below(double? value, double bound, [CallerArgumentExpression(nameof(value))] string name = "")
    {
        if (value is { } given)
            Below(given, bound, name);
    }

    /// <summary>Checks the rows that options, and with them a model file, ask to be computed at once.</summary>
    public static void RowsAtOnce(int value, [CallerArgumentExpression(nameof(value))] string name = "") =>
        Between(value, 1, MaxRowsAtOnce, name);

    public static void Defined<T>(T value, [CallerArgumentExpression(nameof(value))] string name = "")
        where T : struct, Enum
    {
        if (!Enum.IsDefined(value))
            throw new ArgumentOutOfRangeException(
                name, value, $"{name} is {value}; expected one of {string.Join(", ", Enum.GetNames<T>())}.");
    }

    public static void Defined<T>(T? value, [CallerArgumentExpression(nameof(value))] string name = "")
        where T : struct, Enum
    {
        if (value is { } given)
            Defined(given, name);
    }

    public static void NotEmpty(string? value, [CallerArgumentExpression(nameof(value))] string name = "")
    {
        if (string.IsNullOrWhiteSpace(value))
            throw new ArgumentException($"{name} is empty; expected a name.", name);
    }

    public static void NullOrNotEmpty(string? value, [CallerArgumentExpression(nameof(value))] string name = "")
    {
        if (value is not null)
            NotEmpty(value, name);
    }

    /// <summary>Checks that output columns have names, and different ones.</summary>
    /// <param name="required">The columns, as a collection expression of the options.</param>
    /// <param name="optional">A column that need not be there.</param>
    /// <param name="requiredNames">The compiler's: the options.</param>
    /// <param name="optionalName">The compiler's: the option.</param>
    public static void DifferentNames(
        string[] required, string? optional = null,
        [CallerArgumentExpression(nameof(required))] string requiredNames = "",
        [CallerArgumentExpression(nameof(optional))] string optionalName = "")
    {
        string[] names = requiredNames.Trim('[', ']').Split(',', StringSplitOptions.TrimEntries);
        foreach ((string output, string name) in required.Zip(names))
            NotEmpty(output, name);
        NullOrNotEmpty(optional, optionalName);
        string[] outputs = optional is null ? required : [.. required, optional];
        if (outputs.Distinct().Count() < outputs.Length)
            throw new ArgumentException($"The output columns need different names; found {string.Join(", ", outputs)}.");
    }

    public static void AllAtLeast(int[]? values, int lowest, [CallerArgumentExpression(nameof(values))] string name = "")
    {
        if (values is null || values.Any(v => v < lowest))
            throw new ArgumentException(
                $"{name} is {(values is null ? "null" : $"[{string.Join(", ", values)}]")}; expected numbers of {lowest} or more.", name);
        if (values.Any(v => v > Most))
            throw new ArgumentException($"{name} is [{string.Join(", ", values)}]; expected numbers of {lowest} to {Most}.", name);
    }
}
