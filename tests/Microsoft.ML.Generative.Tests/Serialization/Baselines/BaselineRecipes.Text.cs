using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Evaluation;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

internal static partial class BaselineRecipes
{
    private const string AnimalSchema =
        """{"type":"object","properties":{"animal":{"enum":["cat","dog"]}},"required":["animal"],"additionalProperties":false}""";

    private static BaselineRecipe Gpt => Language(null, () => new LanguageModelOptions
    {
        Architecture = LanguageModelArchitecture.Gpt2 with
        {
            VocabularySize = 0,
            ContextLength = 24,
            Layers = 1,
            Heads = 2,
            EmbeddingSize = 8,
        },
        Tokenizer = GenerativeTokenizers.TrainBytePairEncoding(BaselineRows.AllTexts, 285),
        Generation = new TextGenerationOptions
        {
            MaxTokens = 20,
            Temperature = 0,
            ResponseFormat = ChatResponseFormat.ForJsonSchema(JsonDocument.Parse(AnimalSchema).RootElement),
        },
    });

    private static BaselineRecipe Llama => Language(["language-model"], () => new LanguageModelOptions
    {
        Architecture = LanguageModelArchitecture.LlamaNano with
        {
            ContextLength = 24,
            Layers = 2,
            Heads = 4,
            KeyValueHeads = 2,
            EmbeddingSize = 8,
            FeedForwardSize = 12,
            RotaryScaling = new RotaryScaling(RotaryScalingKind.Llama3, 2, OriginalContextLength: 12),
            SlidingWindow = 10,
            TieEmbeddings = false,
        },
        Generation = new TextGenerationOptions
        {
            MaxTokens = 8,
            Temperature = 0.7,
            TopK = 5,
            TopP = 0.95,
            Seed = 9,
            RepetitionPenalty = 1.1,
        },
    });

    private static BaselineRecipe Characters => Language(null, () => new LanguageModelOptions
    {
        PromptColumnName = "Prompt",
        Architecture = LanguageModelArchitecture.GptNano with { ContextLength = 32, Layers = 1, Heads = 2, EmbeddingSize = 8 },
        Tokenizer = GenerativeTokenizers.CharacterLevel(
            BaselineRows.AllTexts, new CharacterLevelOptions { UnknownToken = "<unk>", EndOfTextToken = "<end>" }),
        Generation = new TextGenerationOptions
        {
            MaxTokens = 8,
            Beams = 2,
            LengthPenalty = 0.5,
            StopStrings = ["."],
            LogitBias = new Dictionary<int, float> { [3] = -2 },
        },
    });

    private static BaselineRecipe Unigram => Language(null, () => new LanguageModelOptions
    {
        Architecture = LanguageModelArchitecture.LlamaNano with
        {
            ContextLength = 24,
            Layers = 1,
            Heads = 2,
            EmbeddingSize = 8,
            FeedForwardSize = 12,
            Positions = PositionEncoding.RotaryInterleaved,
            FeedForward = FeedForwardKind.GeluTanh,
        },
        Tokenizer = UnigramTokenizer(),
        Generation = new TextGenerationOptions { MaxTokens = 8, Temperature = 0 },
    });

    private static BaselineRecipe Chat => Language(null, () => new LanguageModelOptions
    {
        MessagesColumnName = "Messages",
        ChatTemplate = ChatTemplate.ChatML,
        Architecture = LanguageModelArchitecture.GptNano with { ContextLength = 48, Layers = 1, Heads = 2, EmbeddingSize = 8 },
        Tokenizer = SpecialTokens.Add(
            GenerativeTokenizers.TrainBytePairEncoding(BaselineRows.AllTexts, 270), "<|im_start|>", "<|im_end|>"),
        Generation = new TextGenerationOptions { MaxTokens = 6, Temperature = 0 },
    });

    private static BaselineRecipe Language(string[]? stages, Func<LanguageModelOptions> options) => new(
        ml => BaselineRows.Texts(ml),
        (ml, configure) => ml.Transforms.Generative().LanguageModel(
            Brief(options()).With(o => (o.MaxSteps, o.BatchSize, o.LearningRate) = (40, 4, 0.02)).With(configure))
            .Fit(BaselineRows.Texts(ml)),
        MeasureLanguageModel)
    { IsCurrent = stages is not null, Stages = stages };

    // Words of the texts, most probable first, and their characters.
    private static GenerativeTokenizer UnigramTokenizer()
    {
        IEnumerable<string> cut = BaselineRows.AllTexts.SelectMany(text => text.Split(' ', '.')).Where(word => word.Length > 0);
        string[] words = [.. cut.Distinct().Order(StringComparer.Ordinal)];
        IEnumerable<char> characters = words.SelectMany(word => word).Distinct().Order();
        string[] pieces = ["▁", ".", .. words.Select(word => "▁" + word), .. characters.Select(c => c.ToString())];
        JsonArray vocabulary =
        [
            new JsonArray("<unk>", 0.0), new JsonArray("<s>", 0.0), new JsonArray("</s>", 0.0),
            .. pieces.Select((piece, i) => new JsonArray(piece, -1 - 0.125 * i)),
        ];
        var metaspace = new JsonObject { ["type"] = "Metaspace", ["replacement"] = "▁", ["prepend_scheme"] = "always", ["split"] = true };
        var json = new JsonObject
        {
            ["version"] = "1.0",
            ["added_tokens"] = new JsonArray(Special(1, "<s>"), Special(2, "</s>")),
            ["pre_tokenizer"] = metaspace,
            ["decoder"] = metaspace.DeepClone(),
            ["model"] = new JsonObject { ["type"] = "Unigram", ["unk_id"] = 0, ["vocab"] = vocabulary },
        };
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("tokenizer.json"), json.ToJsonString());
        File.WriteAllText(folder.File("tokenizer_config.json"), """{"bos_token":"<s>","eos_token":"</s>"}""");
        return GenerativeTokenizers.FromFolder(folder.Path);

        static JsonObject Special(int id, string content) => new() { ["id"] = id, ["content"] = content, ["special"] = true };
    }

    private static void MeasureLanguageModel(MLContext ml, ITransformer transformer, BaselineOutputs outputs)
    {
        const string Prompt = "the cat";
        var model = (LanguageModelTransformer)transformer;
        IDataView rows = BaselineRows.Texts(ml, 3);
        LanguageModelMetrics metrics = ml.Generative().EvaluateLanguageModel(model, rows);
        outputs.Add("Sizes", [model.Architecture.VocabularySize, model.Architecture.CountParameters(), metrics.Tokens]);
        outputs.Add("Tokens", model.Tokenizer.EncodeToIds("my hen has the corn.").Select(id => (float)id));
        outputs.Add("Likelihood", [(float)metrics.NegativeLogLikelihood, (float)metrics.Perplexity, (float)metrics.TokenAccuracy]);
        IEnumerable<TokenProbability> next = model.NextTokens(Prompt, int.MaxValue, new()).OrderBy(token => token.Id);
        outputs.Add("NextLogarithms", next.Select(token => (float)Math.Log(token.Probability)));
        outputs.Add("Attention", model.Attention(Prompt).SelectMany(layer => layer.Cast<float>()));
        outputs.Add("Completion", model.Transform(rows).GetColumn<string>("Completion"));
        outputs.Add("Greedy", [model.Generate(Prompt, new() { Temperature = 0, MaxTokens = 12 })]);
        IDataView sampled = model.Generate(2, new() { Seed = 3, MaxTokens = 8 });
        outputs.Add("Sampled", sampled.GetColumn<string>(sampled.Schema[0]));
    }
}
