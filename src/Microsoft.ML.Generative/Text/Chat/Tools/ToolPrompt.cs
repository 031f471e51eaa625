using Microsoft.Extensions.AI;

namespace Microsoft.ML.Generative.Text.Chat.Tools;

/// <summary>A conversation with tools as a prompt.</summary>
/// <param name="Ids">The prompt's tokens; where a call is required, with its beginning.</param>
/// <param name="Scanner">Finds calls in the answer.</param>
/// <param name="Format">What the answer has to be where a call is required; else <see langword="null"/>.</param>
internal sealed record ToolPrompt(int[] Ids, ToolCallScanner Scanner, ChatResponseFormat? Format);
