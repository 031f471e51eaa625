using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using CsCheck;
using Microsoft.Extensions.AI;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.Decoding;
using Microsoft.ML.Generative.Text.Decoding.Json;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

public sealed class JsonGenerationTests
{
    private const string Llama = "llama-tokenizer/tokenizer.model";
    private const string Characters = "{}[]:,\"\\/ \n\t.-+0123456789abcdefghijklmnopqrstuvwxyzABCDEFé日🤗";

    private static readonly JsonSerializerOptions _strict = new(JsonSerializerDefaults.Web)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        AllowDuplicateProperties = false,
        Converters = { new JsonStringEnumConverter() },
    };

    private static readonly string[] _schemas =
    [
        """{"type":"object"}""", """{"type":"array","items":{"type":"string","maxLength":3}}""",
        """{"properties":{"日本":{},"日":{}}, "additionalProperties":{}}""",
    ];

    // Of several scripts, so that some tokens are two thirds of a character; and of JSON, so that some go over the ends of strings.
    private static readonly Lazy<TextCodec> _bytePairs = new(() => TextCodec.Of(GenerativeTokenizers.TrainBytePairEncoding(
        [.. Enumerable.Range(0, 40).Select(i =>
            "{\"name\": \"日本語の文\", \"größe\": [NN, true, null], \"x\": {\"🤗🤗\": \"\\u00e9\\\\\"}}]} 日月火水木金土 🤗🤘🤙".Replace(
                "NN", $"{i}", StringComparison.Ordinal))],
        new BytePairEncodingOptions { VocabularySize = 400, EndOfTextToken = "<|end|>" })));

    private static readonly Lazy<TextCodec> _characters = new(() => TextCodec.Of(
        GenerativeTokenizers.CharacterLevel([Characters], new CharacterLevelOptions { EndOfTextToken = "<end>" })));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Every_text_of_a_random_model_is_an_object(bool isCharacters)
    {
        TextCodec codec = isCharacters ? _characters.Value : _bytePairs.Value;
        Assert.True(isCharacters || Enumerable.Range(0, codec.VocabularySize).Any(t => codec.NewDecoder([0]).Append(t).Length == 0));
        int shortened = 0, whole = 0;
        Gen.Select(Gen.Long, Gen.Int[2, 80], Gen.Int[0, 2].Select(i => i / 2.0), Gen.Float[0, 6]).Sample(
            (seed, most, temperature, spread) =>
            {
                GeneratedText text = Generate(
                    codec, seed, spread, new() { MaxTokens = most, Temperature = temperature, ResponseFormat = ChatResponseFormat.Json });
                Assert.Equal(JsonValueKind.Object, JsonTexts.Parse(text.Text).ValueKind);
                Assert.True(text.Tokens <= most);
                Interlocked.Increment(ref text.End == GenerationEnd.Stop ? ref whole : ref shortened);
            }, iter: 1_500);
        Assert.True(whole > 10 && shortened > 10, $"{whole} {shortened}");
    }

    [Fact]
    public void Every_text_of_a_random_model_fits_its_type()
    {
        var format = ChatResponseFormat.ForJsonSchema<Order>(_strict);
        Assert.NotNull(format.Schema);
        Gen.Select(Gen.Long, Gen.Int[90, 400]).Sample((seed, most) =>
        {
            GeneratedText text = Generate(_bytePairs.Value, seed, 3, new() { MaxTokens = most, ResponseFormat = format });
            Order order = JsonSerializer.Deserialize<Order>(text.Text, _strict)!;
            Assert.NotNull(order.Customer.Name);
            Assert.All(order.Lines, line => Assert.True(Enum.IsDefined(line.Kind)));
        }, iter: 300);
    }

    [Fact]
    public void Every_text_of_a_random_model_fits_a_recursive_type()
    {
        var format = ChatResponseFormat.ForJsonSchema<Branch>(_strict);
        Gen.Select(Gen.Long, Gen.Int[60, 300]).Sample((seed, most) =>
            Assert.NotNull(JsonSerializer.Deserialize<Branch>(
                Generate(_bytePairs.Value, seed, 3, new() { MaxTokens = most, ResponseFormat = format }).Text, _strict)!.Twigs), iter: 300);
    }

    [Fact]
    public void The_tokens_allowed_are_those_whose_bytes_are() =>
        Gen.Select(Gen.Long, Gen.Int[2, 60], Gen.Int[0, 2].Select(i => _schemas[i])).Sample((seed, most, schema) =>
        {
            TextCodec codec = _bytePairs.Value;
            var options = new TextGenerationOptions { MaxTokens = most, ResponseFormat = JsonTexts.Schema(schema) };
            JsonFormat.Text text = JsonFormat.Of(options, codec)!.Begin(codec.EncodePrompt("a"));
            JsonGrammar grammar = JsonGrammar.Of(options.ResponseFormat)!;
            TokenTable tokens = ((GenerativeTokenizer)codec.Tokenizer).Texts.All;
            var automaton = new JsonAutomaton(grammar, new JsonCosts(grammar, tokens));
            JsonState state = automaton.Start;
            var random = new RowRandom(seed, 0);
            for (int left = most; !text.IsFinished; left--)
            {
                float[] logits = new float[codec.VocabularySize];
                text.Mask(logits, left);
                List<int> allowed = [];
                for (int id = 0; id < logits.Length; id++)
                {
                    JsonState after = state;
                    bool isRight = tokens.BytesOf(id).Length > 0;
                    foreach (byte value in tokens.BytesOf(id))
                        isRight = isRight && automaton.TryStep(after, value, out after);
                    if (isRight && automaton.Cost(after) < left)
                        allowed.Add(id);
                }

                if (JsonAutomaton.IsComplete(state))
                    allowed.Add(codec.End!.Value);
                Assert.Equal(allowed.Order(), Enumerable.Range(0, logits.Length).Where(id => logits[id] == 0));
                Assert.All(logits, l => Assert.True(l is 0 or float.NegativeInfinity));
                int token = allowed[(int)(random.NextDouble() * allowed.Count)];
                if (token == codec.End)
                    break;
                text.Accept(token);
                foreach (byte value in tokens.BytesOf(token))
                    Assert.True(automaton.TryStep(state, value, out state));
            }
        }, iter: 150);

    [Fact]
    public void A_text_that_is_long_enough_is_told_from_one_that_was_closed_early()
    {
        // After {"a": the model writes a's forever.
        float[] Next(IReadOnlyList<int> tokens) => Likely(_characters.Value, tokens.Count <= 6 ? "{\"a\":\""[tokens.Count - 1] : 'a');
        GeneratedText text = Generate(
            _characters.Value, Next, new() { Temperature = 0, MaxTokens = 12, ResponseFormat = ChatResponseFormat.Json });
        Assert.Equal(("{\"a\":\"aaaa\"}", GenerationEnd.Length), (text.Text, text.End));

        const string whole = "{\"a\":12}";
        text = Generate(
            _characters.Value, tokens => Likely(_characters.Value, whole[Math.Min(tokens.Count - 1, 7)]),
            new() { Temperature = 0, MaxTokens = 12, ResponseFormat = ChatResponseFormat.Json });
        Assert.Equal((whole, GenerationEnd.Stop, 8), (text.Text, text.End, text.Tokens));
    }

    [Fact]
    public void A_number_ends_with_the_token_that_ends_texts()
    {
        TextCodec codec = _characters.Value;
        float[] Next(IReadOnlyList<int> tokens) => Likely(codec, tokens.Count < 4 ? '7' : null);
        GeneratedText text = Generate(
            codec, Next, new() { Temperature = 0, MaxTokens = 12, ResponseFormat = JsonTexts.Schema("""{"type":"integer"}""") });
        Assert.Equal(("777", GenerationEnd.Stop, 4), (text.Text, text.End, text.Tokens));
    }

    [Fact]
    public void Texts_of_a_batch_are_as_alone()
    {
        TextCodec codec = _bytePairs.Value;
        var options = new TextGenerationOptions { MaxTokens = 40, ResponseFormat = ChatResponseFormat.Json };
        TextGenerator generator = new(codec, 200, new TableModel(codec.VocabularySize, 200, tokens => Random(codec, 5, 3, tokens)).Open);
        GenerationRequest[] requests = [.. Enumerable.Range(0, 7).Select(i => new GenerationRequest(codec.EncodePrompt("ab"), i))];
        string[] together = [.. generator.GenerateAll(requests, options, 3, () => { }).Select(t => t.Text)];
        Assert.Equal(requests.Select(r => string.Concat(generator.Stream(r, options))), together);
        Assert.True(together.Distinct().Count() > 4);
    }

    [Fact]
    public void A_tokenizer_that_cannot_write_json_is_refused()
    {
        TextCodec letters = TextCodec.Of(GenerativeTokenizers.CharacterLevel(["abc\"{"]));
        var options = new TextGenerationOptions { ResponseFormat = ChatResponseFormat.Json };
        Assert.Contains("such as }", Assert.Throws<NotSupportedException>(() => JsonFormat.Of(options, letters)).Message);
        var foreign = new TextCodec(new ForeignTokenizer(), 256, SpecialTokenIds.None);
        Assert.Contains(nameof(ForeignTokenizer), Assert.Throws<NotSupportedException>(() => JsonFormat.Of(options, foreign)).Message);
    }

    [Fact]
    public void Tokens_too_few_for_the_shortest_text_are_refused()
    {
        var options = new TextGenerationOptions { MaxTokens = 1, ResponseFormat = ChatResponseFormat.Json };
        var error = Assert.Throws<ArgumentException>(() => JsonFormat.Of(options, _bytePairs.Value));
        Assert.Contains("MaxTokens is 1", error.Message);
        Assert.Contains("may take 2", error.Message);
    }

    [Fact]
    public void A_bias_that_forbids_all_that_may_come_is_an_error()
    {
        TextCodec codec = _characters.Value;
        var options = new TextGenerationOptions
        {
            LogitBias = Characters.EnumerateRunes().Where(r => r.Value is '{' or ' ' or '\n' or '\t').ToDictionary(
                r => codec.IdOf(r.ToString())!.Value, _ => float.NegativeInfinity),
            ResponseFormat = ChatResponseFormat.Json,
        };
        Assert.Contains("LogitBias", Assert.Throws<InvalidOperationException>(() => Generate(codec, 1, 1, options)).Message);
    }

    [DataFileFact(Llama)]
    public void A_text_of_Llama_s_tokenizer_is_right_from_its_first_token()
    {
        TextCodec codec = TextCodec.Of(GenerativeTokenizers.FromFile(DataFile.Find(Llama)!));
        const string schema = """{"type":"object","properties":{"a b":{"type":"array","items":{"type":"string"}}},"required":["a b"]}""";
        for (int seed = 0; seed < 60; seed++)
        {
            // Nothing but the token that begins texts: the first piece loses its space.
            int[] prompt = seed % 2 == 0 ? [1] : [.. codec.EncodePrompt("So:")];
            GeneratedText text = Generate(
                codec, tokens => Random(codec, seed, 3, tokens), new() { MaxTokens = 60, ResponseFormat = JsonTexts.Schema(schema) },
                prompt, seed);
            Assert.Equal(JsonValueKind.Array, JsonTexts.Parse(text.Text).GetProperty("a b").ValueKind);
        }
    }

    private static GeneratedText Generate(TextCodec codec, long seed, float spread, TextGenerationOptions options) =>
        Generate(codec, tokens => Random(codec, seed, spread, tokens), options, codec.EncodePrompt("a"), seed);

    private static GeneratedText Generate(
        TextCodec codec, Func<IReadOnlyList<int>, float[]> next, TextGenerationOptions options, int[]? prompt = null, long seed = 0)
    {
        options.Validate(codec.VocabularySize);
        var generator = new TextGenerator(codec, 500, new TableModel(codec.VocabularySize, 500, next).Open);
        return generator.GenerateAll([new GenerationRequest(prompt ?? codec.EncodePrompt("a"), seed)], options, 1, () => { })[0];
    }

    // Logits that depend on the last two tokens in no simple way.
    private static float[] Random(TextCodec codec, long seed, float spread, IReadOnlyList<int> tokens)
    {
        var random = new RowRandom(seed, tokens.TakeLast(2).Aggregate(tokens.Count, (sum, token) => sum * 65_537 + token));
        return [.. Enumerable.Range(0, codec.VocabularySize).Select(_ => spread * random.NextSingle())];
    }

    // A character, or the end of the text.
    private static float[] Likely(TextCodec codec, char? wanted)
    {
        float[] logits = new float[codec.VocabularySize];
        logits[wanted is { } c ? codec.IdOf(c.ToString())!.Value : codec.End!.Value] = 9;
        return logits;
    }

    private enum LineKind
    {
        Goods,
        Service,
    }

    private sealed record Customer(string Name, string? Mail, long Age);

    private sealed record Line(LineKind Kind, double Price, bool? IsGift);

    private sealed record Order(long Number, Customer Customer, Line[] Lines, Dictionary<string, long> Counts);

    private sealed record Branch(string Name, Branch[] Twigs, Branch? Next);
}
