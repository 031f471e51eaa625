using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using Microsoft.ML.Generative.Data.Columns;

namespace Microsoft.ML.Generative.Training;

/// <summary>Takes the options that define a network from the model that a training continues from.</summary>
/// <param name="options">The options of the training.</param>
/// <param name="defaults">Options as they are where nothing was set.</param>
internal sealed class BaseOptions<TOptions>(TOptions options, TOptions defaults)
    where TOptions : TrainingOptions
{
    /// <summary>The base model's value of an option, which was left at its default or set to the same value.</summary>
    /// <param name="option">The option, as in <c>o => o.LatentSize</c>.</param>
    /// <param name="ofBase">The base model's value.</param>
    /// <param name="expression">The text of <paramref name="option"/>, for its name.</param>
    /// <exception cref="ArgumentException">The option has another value; the message names both.</exception>
    public T Take<T>(Func<TOptions, T> option, T ofBase, [CallerArgumentExpression(nameof(option))] string expression = "")
    {
        BaseOptions.Check(expression[(expression.LastIndexOf('.') + 1)..], option(options), option(defaults), ofBase);
        return ofBase;
    }

    /// <summary>The options, to be set.</summary>
    public TOptions Options => options;
}

/// <summary>Checks options and data against the model that a training continues from.</summary>
internal static class BaseOptions
{
    /// <exception cref="ArgumentException">The value is neither the default nor that of the base model; the message names both.</exception>
    public static void Check(string name, object? value, object? defaultValue, object? ofBase)
    {
        if (!AreEqual(value, ofBase) && !AreEqual(value, defaultValue))
            throw Contradiction(name, Text(value), Text(ofBase));
    }

    /// <summary>Checks each property of an object.</summary>
    /// <inheritdoc cref="Check" path="/exception"/>
    public static void CheckProperties<T>(T value, T defaultValue, T ofBase)
    {
        foreach (PropertyInfo property in typeof(T).GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.CanWrite))
            Check(property.Name, property.GetValue(value), property.GetValue(defaultValue), property.GetValue(ofBase));
    }

    /// <summary>Takes the shape of the base model's images.</summary>
    /// <inheritdoc cref="Check" path="/exception"/>
    public static void TakeShape<TOptions>(this BaseOptions<TOptions> own, ImageShape shape)
        where TOptions : TrainingOptions, IImageShapeOptions
    {
        own.Options.Channels = own.Take(o => o.Channels, shape.Channels);
        own.Options.Height = own.Take(o => o.Height, shape.Height);
        own.Options.Width = own.Take(o => o.Width, shape.Width);
    }

    /// <summary>Takes the base model's number of classes.</summary>
    /// <exception cref="ArgumentException">
    /// A label column is set for a model without classes, or missing for one with classes; or there is another number of classes.
    /// </exception>
    public static void TakeLabels<TOptions>(this BaseOptions<TOptions> own, int labelCountOfBase)
        where TOptions : TrainingOptions, ILabelOptions
    {
        CheckLabelColumn(nameof(own.Options.LabelColumnName), own.Options.LabelColumnName, labelCountOfBase);
        if (labelCountOfBase > 0)
            own.Options.LabelCount = own.Take(o => o.LabelCount, labelCountOfBase);
    }

    private static void CheckLabelColumn(string option, string? column, int labelCountOfBase)
    {
        if (column is null != (labelCountOfBase == 0))
        {
            throw Contradiction(
                option, Text(column), labelCountOfBase == 0 ? "not conditioned on classes" : $"conditioned on {labelCountOfBase} classes",
                verb: "is");
        }
    }

    /// <exception cref="ArgumentException">The rows of the data are not of the base model's shape.</exception>
    public static void CheckRow(string column, RowShape row, RowShape ofBase)
    {
        if (row != ofBase)
            throw new ArgumentException($"Column '{column}' holds {Describe(row)}, but the base model takes {Describe(ofBase)}.");

        static string Describe(RowShape shape) => shape.Image is { } image ? $"images of {image}" : $"vectors of {shape.Size} values";
    }

    /// <summary>Names options with their values.</summary>
    /// <param name="options">The options.</param>
    /// <param name="names">The names.</param>
    /// <param name="before">Others that are described already, to be named first.</param>
    public static string Describe(TrainingOptions options, IReadOnlyList<string> names, IReadOnlyList<string>? before = null)
    {
        string[] described =
            [.. before ?? [], .. names.Select(name => $"{name} ({Text(options.GetType().GetProperty(name)!.GetValue(options))})")];
        return described.Length < 2 ? string.Concat(described) : $"{string.Join(", ", described[..^1])} or {described[^1]}";
    }

    private static ArgumentException Contradiction(string name, string value, string ofBase, string verb = "has") =>
        new($"{name} is {value}, but the base model {verb} {ofBase}. Leave it at its default, or set the base model's.", name);

    private static bool AreEqual(object? a, object? b) =>
        a is IList x && b is IList y ? x.Cast<object>().SequenceEqual(y.Cast<object>()) : Equals(a, b);

    private static string Text(object? value) => value switch
    {
        null => "not set",
        string text => $"'{text}'",
        IList list => $"[{string.Join(", ", list.Cast<object>().Select(Text))}]",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };
}
