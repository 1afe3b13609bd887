"""The Space: paint a label map in the browser and watch the photo.

    python space_app.py [--model NAME] [--host HOST] [--port PORT] [--share] [--mcp]

DPSIMS_MODEL names the models when --model does not: paths, Hub ids or bundled names, separated by commas.
DPSIMS_SEGMENTER names a segmentation model of transformers for opening photos; without it, the folder
segmenter/ of a model is one. DPSIMS_MCP=1 is --mcp.
"""

import argparse
import os
import sys

from dpsims_hub.processes.missing_package import missing_package
from dpsims_hub.processes.quick_start import start_process
from dpsims_hub.storage.error_text import one_line


def parse_arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line; environment variables replace missing options."""
    parser = argparse.ArgumentParser(description="Paint a label map in the browser, watch the photo.")
    parser.add_argument(
        "--model",
        default=os.environ.get("DPSIMS_MODEL", ""),
        help="path, Hub id or bundled name, or several separated by commas (default: the bundled models)",
    )
    parser.add_argument("--host", help="address to serve on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port (default: the first free one from 7860)")
    parser.add_argument("--share", action="store_true", help="open a public tunnel of Gradio's")
    parser.add_argument(
        "--mcp",
        action="store_true",
        default=os.environ.get("DPSIMS_MCP", "") not in ("", "0"),
        help="also serve the endpoints as MCP tools",
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Serve until Ctrl-C; bad input gives one sentence and exit code 2."""
    arguments = parse_arguments(argv)
    try:
        from dpsims_hub.space.start import start_space

        app, address = start_space(
            arguments.model,
            host=arguments.host,
            port=arguments.port,
            share=arguments.share,
            mcp=arguments.mcp,
            segmenter=os.environ.get("DPSIMS_SEGMENTER", ""),
        )
    except ModuleNotFoundError as error:
        print(f"space_app.py: {missing_package(error)}", file=sys.stderr)
        return 2
    except (OSError, ValueError) as error:
        print(f"space_app.py: {one_line(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    print(f"The Space is at {address} (Ctrl-C stops it).", flush=True)
    app.block_thread()
    return 0


if __name__ == "__main__":
    start_process()
    sys.exit(main())
