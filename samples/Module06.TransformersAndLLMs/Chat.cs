using Microsoft.ML.Generative;

namespace Module06;

/// <summary>A chat on the console: each line is a command to the fool.</summary>
internal static class Chat
{
    public static void Run(LanguageModelTransformer model, TextReader input, TextWriter output)
    {
        output.WriteLine("\nYou are the king. Try: shout thunder. An empty line ends the chat.");
        while (true)
        {
            output.Write("KING> ");
            if (input.ReadLine()?.Trim() is not { Length: > 0 } command)
                return;
            output.Write("FOOL> ");
            try
            {
                foreach (string piece in model.Stream(Court.Prompt(command)))
                {
                    output.Write(piece);
                    output.Flush();
                }
            }
            catch (ArgumentException e)
            {
                output.Write($"({e.Message})");
            }

            output.WriteLine();
        }
    }
}
