using System.Security.Cryptography;
using System.Text.Json;

namespace Microsoft.ML.Generative.Text.Chat.Tools;

/// <summary>A call of a tool in an assistant's message.</summary>
/// <param name="Id">What its result names it by.</param>
/// <param name="Name">The tool's name.</param>
/// <param name="Arguments">An object.</param>
internal sealed record ToolCall(string Id, string Name, JsonElement Arguments)
{
    // What Mistral's templates ask for; others take any text.
    private const int IdLength = 9;
    private const string IdCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

    public static string NewId() => RandomNumberGenerator.GetString(IdCharacters, IdLength);
}
