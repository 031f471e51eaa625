using Microsoft.ML;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Tokenizers;
using Module10.Models;

namespace Module10.Rooms.Chat;

/// <summary>A language model of small talk, which visitors' examples personalize.</summary>
internal sealed class ChatModel(CapstoneOptions options) : RoomModel(options, "chat")
{
    private const int Vocabulary = 768;
    private const int WaysToAsk = 6;
    private const int FewestOthers = 40;

    public LanguageModelTransformer Model => Require<LanguageModelTransformer>();

    /// <summary>Conversations as rows of the column Messages.</summary>
    public static IDataView Rows(MLContext ml, IEnumerable<string> conversations) =>
        ml.Data.LoadFromEnumerable(conversations.Select(messages => new Row { Messages = messages }));

    /// <summary>Trains a low-rank adapter on a visitor's examples, between others so that the model does not forget how to talk.</summary>
    public LanguageModelTransformer Personalize(
        IReadOnlyList<ChatExample> examples, IProgress<TrainingProgress> progress, CancellationToken cancellation)
    {
        var ml = new MLContext(seed: 1);
        // Each is learned alone and within conversations, since it will be asked for in both.
        string[] own = [.. examples.SelectMany((example, i) => MadeConversations.EndingWith(example, WaysToAsk, seed: i))];
        IEnumerable<string> others = MadeConversations.Write(Math.Max(FewestOthers, own.Length), seed: 2);
        return ml.Transforms.Generative().LanguageModel(new LanguageModelOptions
        {
            BaseModel = Model,
            Adapter = new LoraOptions { Name = "visitor", Rank = 8, Alpha = 16 },
            MessagesColumnName = nameof(Row.Messages),
            BatchSize = 8,
            MaxSteps = Options.Steps(Math.Clamp(150 + 10 * examples.Count, 150, 500)),
            LearningRate = 3e-3,
            Progress = progress,
            CancellationToken = cancellation,
        }).Fit(Rows(ml, own.Concat(others)));
    }

    protected override (ITransformer Model, IDataView Data) Train(
        MLContext ml, IProgress<TrainingProgress> progress, CancellationToken cancellation)
    {
        IReadOnlyList<string> conversations = MadeConversations.Write(Math.Max(200, Options.Steps(12_000)), seed: 1);
        IDataView rows = Rows(ml, conversations);
        return (ml.Transforms.Generative().LanguageModel(new LanguageModelOptions
        {
            MessagesColumnName = nameof(Row.Messages),
            ChatTemplate = ChatTemplate.Plain,
            // Of bytes, so that whatever a visitor types has tokens.
            Tokenizer = GenerativeTokenizers.TrainBytePairEncoding(conversations.Take(4_000), Vocabulary),
            Architecture = LanguageModelArchitecture.LlamaNano with { Layers = 4, Heads = 4, EmbeddingSize = 128, ContextLength = 192 },
            BatchSize = 8,
            MaxSteps = Options.Steps(1_700),
            LearningRate = 3e-3,
            EmaDecay = 0.99,
            Generation = new TextGenerationOptions { MaxTokens = 80, Temperature = 0.5 },
            Threads = CapstoneOptions.Threads,
            Progress = progress,
            CancellationToken = cancellation,
        }).Fit(rows), rows);
    }

    private sealed class Row
    {
        public string Messages { get; set; } = "";
    }
}
