using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Microsoft.ML.Generative.Serialization;

/// <summary>JSON whose doubles come back to the bit.</summary>
internal sealed class ExactDoubles : JsonConverter<double>
{
    /// <summary>As <see cref="ModelConfigJson.Options"/> otherwise.</summary>
    public static JsonSerializerOptions Options { get; } = new(ModelConfigJson.Options) { Converters = { new ExactDoubles() } };

    public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetDouble();

    // .NET's shortest text of ±2⁻²⁵ and of ±2⁻⁹⁵⁸ is that of their neighbors.
    public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options)
    {
        string text = value.ToString("R", CultureInfo.InvariantCulture);
        if (!double.IsFinite(value) || double.Parse(text, CultureInfo.InvariantCulture).Equals(value))
            writer.WriteNumberValue(value);
        else
            writer.WriteRawValue(value.ToString("G17", CultureInfo.InvariantCulture));
    }
}
