using System.Collections;
using System.Globalization;
using System.Reflection;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Tool.Commands;
using Microsoft.ML.Tokenizers;

namespace Microsoft.ML.Generative.Tool;

/// <summary>A model's public properties, and how it generates texts, as names and values.</summary>
internal static class ModelDescription
{
    private const int MostItems = 20;

    public static IEnumerable<(string Name, string Value)> Of(ITransformer model)
    {
        yield return ("Kind", ModelArgument.NameOf(model));
        foreach ((string, string) property in Properties("", model))
            yield return property;
        (TextCodec Codec, TextGenerationOptions Defaults)? texts = model switch
        {
            LanguageModelTransformer language => (language.Codec, language.Generator.Defaults),
            SequenceToSequenceTransformer sequence => (sequence.Codec, sequence.Generator.Defaults),
            _ => null,
        };
        if (texts is not { } known)
            yield break;
        yield return ("Vocabulary", known.Codec.VocabularySize.ToString(CultureInfo.InvariantCulture));
        foreach ((string, string) property in Properties("Generation.", known.Defaults))
            yield return property;
    }

    private static IEnumerable<(string Name, string Value)> Properties(string prefix, object owner)
    {
        foreach (PropertyInfo property in owner.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            if (property.GetIndexParameters().Length > 0 || property.GetValue(owner) is not { } value || value is Tokenizer)
                continue;
            string name = prefix + property.Name;
            if (TextOf(value) is { } text)
                yield return (name, text);
            else if (value.GetType().Assembly == typeof(LanguageModelTransformer).Assembly)
            {
                foreach ((string, string) inner in Properties(name + ".", value))
                    yield return inner;
            }
        }
    }

    // Null: it is made of others.
    private static string? TextOf(object value) => value switch
    {
        string text => text,
        Enum or bool => value.ToString(),
        IFormattable number when value.GetType().IsPrimitive => number.ToString(null, CultureInfo.InvariantCulture),
        IDictionary entries => $"{entries.Count} entries",
        IEnumerable items => List([.. items.Cast<object>()]),
        _ => null,
    };

    private static string List(object[] items) => items.Length == 0 ? "none"
        : string.Join(", ", items.Take(MostItems)) + (items.Length > MostItems ? $" and {items.Length - MostItems} more" : "");
}
