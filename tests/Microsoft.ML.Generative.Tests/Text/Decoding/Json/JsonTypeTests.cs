using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Microsoft.Extensions.AI;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.Decoding;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

/// <summary>
/// Answers of a random model as .NET types, through the schemas of Microsoft.Extensions.AI: what is right is what System.Text.Json reads.
/// </summary>
public sealed class JsonTypeTests
{
    private const int Answers = 40;

    // Tokens of several characters, across the ends of values.
    private static readonly Lazy<TextCodec> _codec = new(() => TextCodec.Of(GenerativeTokenizers.TrainBytePairEncoding(
        [.. Enumerable.Range(0, 60).Select(i =>
            $"{{\"data\": {i * 37}, \"$type\":\"cat\", \"id\": \"2024-1{i % 3}-0{i % 9 + 1}T1{i % 10}:{i % 50 + 10}:00Z\", "
                + $"\"x\":[-{i}.{i}, \"1.0{i % 10}:00:00.{i}\"]}}")],
        new BytePairEncodingOptions { VocabularySize = 380, EndOfTextToken = "<|end|>" })));

    [Fact]
    public void Numbers_are_of_their_type()
    {
        All<sbyte>();
        All<byte>();
        All<short>();
        All<ushort>();
        All<int>();
        All<uint>();
        All<long>();
        All<ulong>();
        All<double>();
        All<float>();
        All<decimal>();
        All<short[]>();
        All<int?>();
    }

    [Fact]
    public void Texts_are_of_their_type()
    {
        All<Guid>();
        All<DateTime>();
        All<DateTimeOffset>();
        All<DateOnly>();
        All<TimeOnly>();
        All<TimeSpan>();
        All<TimeSpan?>();
        All<Uri>();
        All<Version>();
        All<char>();
        All<byte[]>();
        All<DayOfWeek>();
        All<DayOfWeek?>();
    }

    [Fact]
    public void Annotated_properties_are_valid()
    {
        foreach (Ranged ranged in All<Ranged>())
        {
            List<ValidationResult> errors = [];
            bool isValid = Validator.TryValidateObject(ranged, new ValidationContext(ranged), errors, validateAllProperties: true);
            Assert.True(isValid, $"{string.Join("; ", errors)}: {JsonSerializer.Serialize(ranged)}");
        }
    }

    [Fact]
    public void Polymorphic_types_are_read_as_what_they_say()
    {
        Animal[] animals = All<Animal>();
        Assert.Contains(animals, a => a is Cat { Name: not null });
        Assert.Contains(animals, a => a is Dog { Name: not null });
        Assert.Contains(animals, a => a is Dog { Enemy: not null });

        Shape[] shapes = All<Shape>();
        Assert.Contains(shapes, s => s is Circle);
        Assert.Contains(shapes, s => s is Square);
        Assert.Contains(shapes, s => s.GetType() == typeof(Shape));

        // The base itself has no discriminator.
        Base[] bases = All<Base>();
        Assert.Contains(bases, b => b is Leaf);
        Assert.Contains(bases, b => b is not Leaf);

        All<Animal[]>();
        All<Holder>();
        All<Dictionary<string, Animal>>();
    }

    [Fact]
    public void Recursive_types_may_be_in_a_list() =>
        Assert.All(All<List<Node>>(), list => Assert.All(list, node => Assert.NotNull(node.Name)));

    private static T[] All<T>()
    {
        ChatResponseFormatJson format = FormatOf<T>(out bool isWrapped);
        return [.. Enumerable.Range(0, Answers).Select(seed =>
        {
            string text = Answer(format, seed);
            JsonElement answer = JsonTexts.Parse(text);
            try
            {
                return (isWrapped ? answer.GetProperty("data") : answer).Deserialize<T>(AIJsonUtilities.DefaultOptions)!;
            }
            catch (Exception e) when (e is JsonException or FormatException)
            {
                throw new InvalidDataException($"{typeof(T).Name}: {text}", e);
            }
        })];
    }

    // As GetResponseAsync<T> asks for it: what is no object becomes the property data of one, and the schema has the type's name.
    private static ChatResponseFormatJson FormatOf<T>(out bool isWrapped)
    {
        JsonElement schema = AIJsonUtilities.CreateJsonSchema(
            typeof(T), serializerOptions: AIJsonUtilities.DefaultOptions,
            inferenceOptions: new AIJsonSchemaCreateOptions { IncludeSchemaKeyword = true });
        isWrapped = !(schema.TryGetProperty("type", out JsonElement type) && type.ValueKind == JsonValueKind.String
            && type.GetString() == "object");
        if (isWrapped)
        {
            schema = JsonSerializer.SerializeToElement(new JsonObject
            {
                ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
                ["type"] = "object",
                ["properties"] = new JsonObject { ["data"] = JsonSerializer.SerializeToNode(schema) },
                ["additionalProperties"] = false,
                ["required"] = new JsonArray("data"),
            });
        }

        return new ChatResponseFormatJson(schema, Regex.Replace(typeof(T).Name, "[^0-9A-Za-z_]", "_"));
    }

    private static string Answer(ChatResponseFormatJson format, int seed)
    {
        TextCodec codec = _codec.Value;
        var options = new TextGenerationOptions { MaxTokens = seed % 3 == 0 ? 700 : 1400, ResponseFormat = format };
        options.Validate(codec.VocabularySize);
        var generator = new TextGenerator(codec, 1600, new TableModel(codec.VocabularySize, 1600, Logits).Open);
        return generator.GenerateAll([new GenerationRequest(codec.EncodePrompt("a"), seed)], options, 1, () => { })[0].Text;

        float[] Logits(IReadOnlyList<int> tokens)
        {
            var random = new RowRandom(seed, tokens.TakeLast(2).Aggregate(tokens.Count, (sum, token) => sum * 65_537 + token));
            float[] logits = [.. Enumerable.Range(0, codec.VocabularySize).Select(_ => 3 * random.NextSingle())];
            // Strings end some day.
            logits[codec.IdOf("\"")!.Value] += 2;
            return logits;
        }
    }

    [JsonDerivedType(typeof(Cat), "cat")]
    [JsonDerivedType(typeof(Dog), "dog")]
    internal abstract class Animal
    {
        public required string Name { get; set; }
    }

    internal sealed class Cat : Animal
    {
        public int Lives { get; set; }
    }

    internal sealed class Dog : Animal
    {
        public bool Barks { get; set; }

        public Animal? Enemy { get; set; }
    }

    [JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
    [JsonDerivedType(typeof(Shape), 0)]
    [JsonDerivedType(typeof(Circle), 1)]
    [JsonDerivedType(typeof(Square), 12)]
    internal class Shape
    {
        public double X { get; set; }
    }

    internal sealed class Circle : Shape
    {
        public double Radius { get; set; }
    }

    internal sealed class Square : Shape
    {
        public double Side { get; set; }
    }

    [JsonDerivedType(typeof(Leaf), "leaf")]
    internal class Base
    {
        public int A { get; set; }
    }

    internal sealed class Leaf : Base
    {
        public int B { get; set; }
    }

    internal sealed record Node(string Name, Node? Next, List<Node> Children);

    internal sealed record Holder(
        Animal Pet, Animal[] Others, Guid Id, DateTime When, TimeSpan Long, DateOnly? Day, TimeOnly Time, Uri Link, Guid? Other);

    internal sealed class Ranged
    {
        [Range(1, 10)]
        public required byte A { get; set; }

        [Range(0.5, 2.5)]
        public required double B { get; set; }

        [Range(typeof(decimal), "1", "2")]
        public required decimal C { get; set; }

        [Range(1, 10, MinimumIsExclusive = true, MaximumIsExclusive = true)]
        public required int? D { get; set; }

        [Range(-3.5, float.MaxValue)]
        public required float E { get; set; }

        [Range(5_000_000_000, long.MaxValue)]
        public required long F { get; set; }

        [Range(-0.25, -0.125)]
        public required double G { get; set; }

        // Characters, while StringLength's maximum counts the halves of surrogate pairs.
        [MinLength(2)]
        public required string H { get; set; }

        [RegularExpression("[a-c]+x?|yes")]
        public required string I { get; set; }

        [EmailAddress]
        public required string J { get; set; }

        [Url]
        public required string K { get; set; }

        [AllowedValues("a", "b")]
        public required string L { get; set; }

        [Length(1, 3)]
        public required int[] M { get; set; }

        [Base64String]
        public required string N { get; set; }

        [RegularExpression("[0-9]+")]
        [StringLength(4, MinimumLength = 3)]
        public required string O { get; set; }

        [Range(0.25, 1.0, MinimumIsExclusive = true, MaximumIsExclusive = true)]
        public required double P { get; set; }
    }
}
