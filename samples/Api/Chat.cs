#:project ../../src/Microsoft.ML.Generative/Microsoft.ML.Generative.csproj
// A chat client: a language model learns conversations, and answers through IChatClient of Microsoft.Extensions.AI.

using Microsoft.Extensions.AI;
using Microsoft.ML;
using Microsoft.ML.Generative;

var mlContext = new MLContext(seed: 1);
string cat = """
    [{"role": "user", "content": "cat"}, {"role": "assistant", "content": "meow"},
     {"role": "user", "content": "again"}, {"role": "assistant", "content": "meow meow"}]
    """;
string dog = """
    [{"role": "user", "content": "dog"}, {"role": "assistant", "content": "woof"},
     {"role": "user", "content": "again"}, {"role": "assistant", "content": "woof woof"}]
    """;
IDataView train = mlContext.Data.LoadFromEnumerable([new { Messages = cat }, new { Messages = dog }]);

LanguageModelEstimator estimator = mlContext.Transforms.Generative().LanguageModel(new LanguageModelOptions
{
    MessagesColumnName = "Messages",
    ChatTemplate = ChatTemplate.Plain,
    Architecture = LanguageModelArchitecture.LlamaNano with { Layers = 2, Heads = 2, EmbeddingSize = 32, ContextLength = 96 },
    MaxSteps = 150,
    BatchSize = 2,
    LearningRate = 5e-3,
    Seed = 1,
    Threads = 1,
});
using LanguageModelTransformer model = estimator.Fit(train);
using IChatClient chat = model.AsChatClient();

var options = new ChatOptions { Temperature = 0, MaxOutputTokens = 20 };
List<ChatMessage> conversation = [];
foreach (string question in (string[])["dog", "again"])
{
    conversation.Add(new ChatMessage(ChatRole.User, question));
    ChatResponse response = await chat.GetResponseAsync(conversation, options);
    conversation.AddMessages(response);
    Console.WriteLine($"{question}: {response.Text.Trim()} ({response.FinishReason})");
}

await foreach (ChatResponseUpdate update in chat.GetStreamingResponseAsync("cat", options))
    Console.Write(update.Text.TrimStart());
Console.WriteLine();

// Expected output:
// dog: woof (stop)
// again: woof woof (stop)
// meow
